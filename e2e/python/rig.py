"""What an application brings to the SDK's OAuth provider: storage, a browser, and the loopback redirect."""

import asyncio
import json
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import TokenStorage
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthToken

NODE_ROOM = Path(__file__).resolve().parent.parent / "node"


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class SentAway(Exception):
    """The SDK wanted a browser where none may be opened."""


class Denied(Exception):
    """The person at the browser said no."""


class Storage(TokenStorage):
    """Tokens and client, in memory or in a file."""

    def __init__(self, path):
        self._path = Path(path) if path else None
        self._kept = json.loads(self._path.read_text()) if self._path and self._path.exists() else {}

    async def get_tokens(self):
        return OAuthToken.model_validate(self._kept["tokens"]) if "tokens" in self._kept else None

    async def set_tokens(self, tokens):
        self._keep(tokens=tokens.model_dump(mode="json", exclude_none=True))

    async def get_client_info(self):
        return OAuthClientInformationFull.model_validate(self._kept["client"]) if "client" in self._kept else None

    async def set_client_info(self, client_info):
        self._keep(client=client_info.model_dump(mode="json", exclude_none=True))
        emit("client", client_id=client_info.client_id, token_endpoint_auth_method=client_info.token_endpoint_auth_method)

    def _keep(self, **part):
        self._kept.update(part)
        if self._path:
            self._path.touch(mode=0o600)
            self._path.write_text(json.dumps(self._kept))


class Person:
    """Opens the browser and waits at the loopback redirect (RFC 8252 section 7.3) for what comes back."""

    def __init__(self, script):
        self._script = script
        self._arrived = []
        self._server = None
        self.interactive = True
        self.authorizations = 0
        self.sent_away = False
        self.denied = False

    async def listen(self):
        self._server = await asyncio.start_server(self._receive, "127.0.0.1", self._script.get("redirect_port", 0))
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/callback"

    async def close(self):
        self._server.close()
        await self._server.wait_closed()

    async def _receive(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        target = urlsplit(head.split(" ", 2)[1])
        wanted = target.path == "/callback"
        if wanted:
            self._arrived.append(parse_qs(target.query))
        status, text = ("200 OK", "You may close this page.") if wanted else ("404 Not Found", "Nothing here.")
        writer.write(
            f"HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {len(text)}\r\n"
            f"connection: close\r\n\r\n{text}".encode()
        )
        await writer.drain()
        writer.close()

    async def open_browser(self, url):
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        endpoint = f"{parts.scheme}://{parts.netloc}{parts.path}"
        emit("authorization", endpoint=endpoint, asked=asked, browser=self.interactive)
        if not self.interactive:
            self.sent_away = True
            raise SentAway("a browser is wanted")
        self.authorizations += 1
        task = {**self._script["person"], "start": url, "until": asked["redirect_uri"]}
        if task.get("screenshots"):
            task["screenshots"] = str(Path(task["screenshots"]) / f"authorization-{self.authorizations}")
        node = os.environ.get("KEYWARD_E2E_NODE", str(NODE_ROOM / "node_modules/.bin/node"))
        process = await asyncio.create_subprocess_exec(
            node, str(NODE_ROOM / "browser.mjs"), "-", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate(json.dumps(task).encode())
        seen = json.loads(output)
        emit("pages", pages=seen.get("pages"), console=seen.get("console"))
        if process.returncode != 0:
            raise RuntimeError(f"the browser failed: {seen.get('error')}")

    async def answer(self):
        if not self._arrived:
            raise RuntimeError("no answer came back to the redirect URI")
        answer = {name: values[0] for name, values in self._arrived.pop().items()}
        emit("answer", has_code="code" in answer, iss=answer.get("iss"), error=answer.get("error"))
        if "error" in answer:
            self.denied = answer["error"] == "access_denied"
            raise Denied(f"authorization: {answer['error']} {answer.get('error_description', '')}".strip())
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))
