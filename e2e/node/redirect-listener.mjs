// The loopback redirect of a native client (RFC 8252 §7.3): a random port of 127.0.0.1 unless told one, one answer at a time.
import { createServer } from 'node:http';

export const CALLBACK = '/callback';

export async function listenForRedirect(port = 0) {
  const arrived = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    const wanted = url.pathname === CALLBACK;
    if (wanted) arrived.push(url.searchParams);
    response.writeHead(wanted ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' });
    response.end(wanted ? 'You may close this page.' : 'Nothing here.');
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${CALLBACK}`,
    /** The parameters of the answer that came last; each answer is given once. */
    take: () => arrived.pop(),
    close: () => new Promise(resolve => server.close(resolve)),
  };
}
