// What a hostile page in the user's browser can do to a node on the user's machine. No wallet here: pages only.
import { run, serve } from './browser.mjs';

await run(async ({ config, context }) => {
  const origin = await serve({ '/index.html': '<h1>a page</h1>' });
  const page = await context.newPage();
  const post = (url, options) =>
    page.evaluate(
      ([target, given]) =>
        fetch(target, { method: 'POST', ...given }).then(
          async (reply) => ({ type: reply.type, status: reply.status, text: await reply.text() }),
          (error) => ({ error: error.name }),
        ),
      [url, options],
    );
  /** One call over a WebSocket, to which the rules of fetch do not apply: the node has to look at the origin. */
  const socket = (url) =>
    page.evaluate(
      ([target, call]) =>
        new Promise((resolve) => {
          const made = new WebSocket(target);
          made.onopen = () => made.send(call);
          made.onmessage = ({ data }) => resolve(JSON.parse(data).result);
          made.onerror = () => resolve('refused');
        }),
      [url.replace('http:', 'ws:'), json('eth_chainId').body],
    );
  const json = (method, params = []) => ({
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const told = {};

  await page.goto(origin);
  told.open = await post(config.rpc[0], json('eth_chainId'));
  told.closed = await post(config.rpc[3], json('eth_chainId'));
  told.sockets = [await socket(config.rpc[0]), await socket(config.rpc[3])];
  // A request that browsers send without asking the node first.
  const simple = { ...json('eth_sendRawTransaction', [config.transaction]), headers: { 'Content-Type': 'text/plain' }, mode: 'no-cors' };
  told.simple = [await post(config.rpc[0], simple), await post(config.rpc[3], simple)];

  // DNS rebinding: the page's own name now points at the node, so that to the browser the node is the page's server.
  const { port } = new URL(config.rpc[0]);
  told.visited = (await page.goto(`http://rebind.test:${port}/`)).status();
  told.rebound = await post(`http://rebind.test:${port}/`, json('eth_chainId'));
  told.reboundSocket = await socket(`http://rebind.test:${port}/`);
  told.elsewhere = await page.goto('http://example.com/').then(() => 'reached', (error) => error.message.match(/ERR_\w+/)?.[0]);
  return told;
});
