// The tools, prompts and resources that the conformance suite asks a server for, by the names it asks for them.
import { inputRequired, inputResponse, acceptedContent } from '@modelcontextprotocol/server';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==';

const text = value => ({ type: 'text', text: value });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const embedded = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });
const answer = (...content) => ({ content });
const object = (properties = {}, required = Object.keys(properties)) => ({ type: 'object', properties, required });
const STRING = { type: 'string' };
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

const elicit = (message, requestedSchema) => inputRequired.elicit({ message, requestedSchema });
const sample = (prompt, maxTokens = 100) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: text(prompt) }], maxTokens });
const ask = (inputRequests, requestState) => inputRequired({ inputRequests, requestState });
const has = ({ mcpReq }, key) => inputResponse(mcpReq.inputResponses, key).kind !== 'missing';
const given = ({ mcpReq }, key) => inputResponse(mcpReq.inputResponses, key);

/** A tool that asks for one elicitation and then tells what came back. */
function eliciting(key, request, tell) {
  return (args, context) => {
    const view = given(context, key);
    return view.kind === 'elicit' ? answer(text(tell(view))) : ask({ [key]: request(args) });
  };
}

const NAME = object({ name: STRING });
const completed = ({ action, content }) => `Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`;

async function withProgress(_args, { mcpReq }) {
  const progressToken = mcpReq._meta?.progressToken;
  for (const progress of [0, 50, 100]) {
    if (progress > 0) await pause(50);
    if (progressToken !== undefined) {
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
    }
  }
  return answer(text('Progress told'));
}

async function withLogging(_args, { mcpReq }) {
  for (const [at, line] of ['Tool execution started', 'Tool processing data', 'Tool execution completed'].entries()) {
    if (at > 0) await pause(50);
    await mcpReq.log('info', line);
  }
  return answer(text('Lines logged'));
}

function multiRound(_args, context) {
  const state = context.mcpReq.requestState();
  if (state?.round === 2 && has(context, 'step2')) return answer(text(`Both steps done, ${state.name}`));
  const name = acceptedContent(context.mcpReq.inputResponses, 'step1')?.name;
  if (state?.round === 1 && name !== undefined) {
    return context.ask({ step2: elicit('Step 2: What is your favorite color?', object({ color: STRING })) }, { round: 2, name });
  }
  return context.ask({ step1: elicit('Step 1: What is your name?', NAME) }, { round: 1 });
}

function multipleInputs(_args, context) {
  if (['user_name', 'greeting', 'client_roots'].every(key => has(context, key))) return answer(text('All three came'));
  return context.ask(
    {
      user_name: elicit('What is your name?', NAME),
      greeting: sample('Generate a greeting', 50),
      client_roots: inputRequired.listRoots(),
    },
    { asked: 3 },
  );
}

function declaredOnly(_args, context) {
  const declared = context.capabilities();
  const requests = {};
  if (declared.sampling) requests.sampled = sample('Say something');
  if (declared.elicitation) requests.elicited = elicit('Say something', NAME);
  if (Object.keys(requests).length === 0 || Object.keys(requests).some(key => has(context, key))) return answer(text('Enough'));
  return ask(requests);
}

const confirming = tell => (_args, context) =>
  context.mcpReq.requestState() !== undefined && has(context, 'confirm')
    ? answer(text(tell))
    : context.ask({ confirm: elicit('Please confirm', object({ ok: { type: 'boolean' } })) }, { asked: 'confirm' });

const DEFAULTS = object({
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
}, []);

const titled = (...pairs) => pairs.map(([value, title]) => ({ const: value, title }));
const ENUMS = object({
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: titled(['value1', 'First Option'], ['value2', 'Second Option'], ['value3', 'Third Option']) },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', items: { anyOf: titled(['value1', 'First Choice'], ['value2', 'Second Choice'], ['value3', 'Third Choice']) } },
}, []);

/** name → [what it does, its input schema when it takes any] */
export const TOOLS = {
  test_simple_text: [() => answer(text('This is a simple text response for testing.'))],
  test_image_content: [() => answer(image)],
  test_audio_content: [() => answer({ type: 'audio', data: WAV, mimeType: 'audio/wav' })],
  test_embedded_resource: [() => answer(embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'))],
  test_multiple_content_types: [() => answer(
    text('Multiple content types test:'), image,
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  )],
  test_tool_with_logging: [withLogging],
  test_logging_tool: [withLogging],
  test_tool_with_progress: [withProgress],
  test_error_handling: [() => ({ isError: true, content: [text('This tool intentionally returns an error for testing')] })],
  test_sampling: [({ prompt }, context) => {
    const view = given(context, 'sampled');
    if (view.kind !== 'sampling') return ask({ sampled: sample(prompt) });
    return answer(text(`LLM response: ${view.result.content.text}`));
  }, object({ prompt: STRING })],
  test_elicitation: [eliciting('elicited',
    ({ message }) => elicit(message, object({
      username: { type: 'string', description: "User's response" }, email: { type: 'string', description: "User's email address" },
    })),
    ({ action, content }) => `User response: action=${action}, content=${JSON.stringify(content ?? {})}`), object({ message: STRING })],
  test_elicitation_sep1034_defaults: [eliciting('defaults', () => elicit('Please review', DEFAULTS), completed)],
  test_elicitation_sep1330_enums: [eliciting('enums', () => elicit('Please choose', ENUMS), completed)],
  test_streaming_elicitation: [eliciting('streamed', () => elicit('Please name yourself', NAME), completed)],
  test_missing_capability: [(_args, context) => (has(context, 'sampled') ? answer(text('Sampled')) : ask({ sampled: sample('Say something') }))],
  test_trigger_tool_change: [(_args, { changed }) => (changed.tools(), answer(text('Tools changed')))],
  test_trigger_prompt_change: [(_args, { changed }) => (changed.prompts(), answer(text('Prompts changed')))],
  test_input_required_result_elicitation: [(_args, context) => {
    const name = acceptedContent(context.mcpReq.inputResponses, 'user_name')?.name;
    return typeof name === 'string' ? answer(text(`Hello, ${name}!`)) : ask({ user_name: elicit('What is your name?', NAME) });
  }],
  test_input_required_result_sampling: [(_args, context) => {
    const view = given(context, 'capital_question');
    if (view.kind !== 'sampling') return ask({ capital_question: sample('What is the capital of France?') });
    return answer(text(view.result.content.text));
  }],
  test_input_required_result_list_roots: [(_args, context) => {
    const view = given(context, 'client_roots');
    if (view.kind !== 'roots') return ask({ client_roots: inputRequired.listRoots() });
    return answer(text(`Roots: ${view.roots.map(root => root.uri).join(', ')}`));
  }],
  test_input_required_result_request_state: [confirming('state-ok')],
  test_input_required_result_tampered_state: [confirming('The state is whole')],
  test_input_required_result_multiple_inputs: [multipleInputs],
  test_input_required_result_multi_round: [multiRound],
  test_input_required_result_capabilities: [declaredOnly],
  test_custom_headers: [({ region }) => answer(text(`Region ${region}`)), object({ region: { type: 'string', 'x-mcp-header': 'Region' } })],
};

const says = (...content) => ({ messages: content.map(one => ({ role: 'user', content: one })) });
const ARGUMENT = (name, description) => ({ name, description, required: true });

/** name → [what it gives, its arguments when it takes any] */
export const PROMPTS = {
  test_simple_prompt: [() => says(text('This is a simple prompt for testing.'))],
  test_prompt_with_arguments: [({ arg1, arg2 }) => says(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
    [ARGUMENT('arg1', 'First test argument'), ARGUMENT('arg2', 'Second test argument')]],
  test_prompt_with_embedded_resource: [({ resourceUri }) => says(
    embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'), text('Please process the embedded resource above.'),
  ), [ARGUMENT('resourceUri', 'URI of the resource to embed')]],
  test_prompt_with_image: [() => says(image, text('Please analyze the image above.'))],
  test_input_required_result_prompt: [(_args, context) => {
    const used = acceptedContent(context.mcpReq.inputResponses, 'user_context')?.context;
    if (used === undefined) return ask({ user_context: elicit('What context should the prompt use?', object({ context: STRING })) });
    return says(text(`Context: ${used}`));
  }],
};

const STATIC = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'This resource can be subscribed to.' },
};

export const RESOURCES = Object.entries(STATIC).map(([uri, { mimeType }]) =>
  ({ uri, mimeType, name: uri.slice('test://'.length), description: `For the scenarios that read ${uri}` }));

export const TEMPLATES = [{
  uriTemplate: 'test://template/{id}/data', name: 'template', description: 'Data by id', mimeType: 'application/json',
}];

export function readResource(uri) {
  if (uri in STATIC) return { contents: [{ uri, ...STATIC[uri] }] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) return undefined;
  const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return { contents: [{ uri, mimeType: 'application/json', text: data }] };
}
