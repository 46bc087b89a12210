// A headless Chromium that reaches 127.0.0.1 and nothing else, the pages it is shown, and the frame of every flow:
//   node FLOW.mjs < config.json     prints one JSON object; config: {chromium, rpc: [urls], keys, shots, limitMs, ...}
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', // the tests run as root
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // rebind.test: a name of the attacker's that has begun to point at this machine.
  '--host-resolver-rules=MAP rebind.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml' };

/** Serves {path: body} and the files of `folder` on a free port; returns its origin. */
export async function serve(bodies, folder) {
  const server = http.createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://x').pathname).replace(/\/$/, '/index.html');
    const file = folder && path.join(folder, path.normalize(name));
    const body = bodies[name] ?? (file && fs.existsSync(file) ? fs.readFileSync(file) : undefined);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': TYPES[path.extname(name)] ?? 'text/plain' });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

/** What the pages asked for: JSON-RPC methods by origin, and every address that was reached. */
function watch(context) {
  const seen = { calls: [], reached: new Set(), complaints: [] };
  context.on('request', (request) => {
    if (request.method() !== 'POST') return;
    try {
      const call = request.postDataJSON();
      seen.calls.push(...[call].flat().map(({ method }) => method));
    } catch {} // not JSON: no call
  });
  context.on('response', (response) => seen.reached.add(new URL(response.url()).host));
  context.on('page', (page) => page.on('websocket', (socket) => socket.on('framereceived', () => seen.reached.add(new URL(socket.url()).host))));
  context.on('weberror', (error) => seen.complaints.push(String(error.error()?.message ?? error.error())));
  return seen;
}

/** Runs one flow with its own browser under a hard limit; a failure leaves a screenshot of every page. */
export async function run(flow) {
  const config = JSON.parse(fs.readFileSync(0, 'utf8'));
  const browser = await chromium.launch({ executablePath: config.chromium, headless: true, args: FLAGS, timeout: 40_000 });
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  context.setDefaultTimeout(config.stepMs);
  const seen = watch(context);
  const shoot = async (name) => {
    for (const [index, page] of context.pages().entries())
      await page.screenshot({ fullPage: true, path: path.join(config.shots, `${name}-${index}.png`), timeout: 5_000 }).catch(() => {});
  };
  const limit = setTimeout(async () => {
    console.error(`the flow took longer than ${config.limitMs} ms`);
    await Promise.race([shoot('limit'), new Promise((resolve) => setTimeout(resolve, 5_000))]);
    await browser.close();
    process.exit(3);
  }, config.limitMs);
  try {
    const told = await flow({ config, context, shoot });
    console.log(JSON.stringify({ ...told, calls: seen.calls, reached: [...seen.reached] }));
  } catch (error) {
    console.error(error.stack ?? error);
    console.error(JSON.stringify(seen.complaints));
    await shoot('failed');
    process.exitCode = 1;
  } finally {
    clearTimeout(limit);
    await browser.close();
  }
}
