// A person at a browser: headless Chromium over the DevTools protocol, by a pipe. Usage:
//   node browser.mjs FOLDER
// FOLDER is for its profile. Each line in is a command as JSON, answered by a line of JSON:
//   {"sign_in": URL, "person": "555000000001"}   signs in and agrees to all; the last page's text
//   {"sign_out": URL}                            says yes to signing out; the last page's text
//   {"authenticator": {...}}                     a virtual authenticator in place of the one before
//   {"create": OPTIONS}, {"get": OPTIONS}        navigator.credentials on a page of localhost, with
//                                                options and answer in the standard's JSON form
//   {"origin": true}                             the origin of that page
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [folder] = process.argv.slice(2);
const chromium = spawn(
  process.env.CHROMIUM ?? 'chromium',
  [
    '--headless=new', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu',
    '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--no-proxy-server', `--user-data-dir=${folder}`, 'about:blank',
  ],
  { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
);
chromium.on('exit', (code) => process.exit(code ?? 1));
const [to, from] = [chromium.stdio[3], chromium.stdio[4]];

// Commands by id; messages end with a zero.
let next = 0;
const waiting = new Map();
let begun = '';
from.setEncoding('utf8').on('data', (text) => {
  const messages = (begun + text).split('\0');
  begun = messages.pop();
  for (const message of messages.map((one) => JSON.parse(one))) {
    const wait = waiting.get(message.id);
    if (!wait) continue;
    waiting.delete(message.id);
    if (message.error) wait.reject(new Error(message.error.message));
    else wait.resolve(message.result);
  }
});
function send(method, params = {}, sessionId = undefined) {
  const id = (next += 1);
  to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
const page = (method, params) => send(method, params, sessionId);
await page('Page.enable');

async function evaluate(expression) {
  const params = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
  const { result, exceptionDetails } = await page('Runtime.evaluate', params);
  if (exceptionDetails) {
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }
  return result.value;
}
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// What `test` finds on the page once it has come. A page that is being left is no page any more.
async function until(test) {
  const here = `window.left || document.readyState !== 'complete' || !document.body ? '' : (${test})`;
  for (let turn = 0; turn < 600; turn += 1) {
    const found = await evaluate(here).catch(() => undefined);
    if (found) return found;
    await sleep(25);
  }
  throw new Error(`never came: ${test}, but ${await evaluate('document.documentElement.innerText')}`);
}

// Leaves for another page; a page that leads on at once is waited for as well.
async function go(url) {
  await evaluate('window.left = true');
  await page('Page.navigate', { url });
}

async function signIn(url, person) {
  await go(url);
  for (;;) {
    const at = await until(`location.href === 'about:blank' ? '' :
      document.querySelector('form [type=submit]') ? 'form' : 'text'`);
    if (at === 'text') return evaluate('document.body.innerText');
    await evaluate(`{
      const field = (name, value) => {
        const found = document.querySelector('[name=' + name + ']');
        if (found) found.value = value;
      };
      field('login', ${JSON.stringify(person)});
      field('password', 'any');
      window.left = true;
      document.querySelector('form [type=submit]').click();
    }`);
  }
}

async function signOut(url) {
  await go(url);
  await until(`!!document.querySelector('[name=logout]')`);
  await evaluate(`window.left = true; document.querySelector('[name=logout]').click()`);
  return until(`document.body.innerText`);
}

// The page of a relying party.
const site = createServer((_, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><html lang="en"><title>Relying party</title><p>Ready.</p></html>');
});
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
const origin = `http://localhost:${site.address().port}`;

let authenticator;
async function plug(options) {
  await page('WebAuthn.enable');
  if (authenticator) await page('WebAuthn.removeVirtualAuthenticator', { authenticatorId: authenticator });
  const usual = {
    protocol: 'ctap2', transport: 'usb', hasResidentKey: true, hasUserVerification: true,
    isUserVerified: true, automaticPresenceSimulation: true,
  };
  const added = await page('WebAuthn.addVirtualAuthenticator', { options: { ...usual, ...options } });
  authenticator = added.authenticatorId;
  return {};
}

async function credentials(verb, options) {
  if (!(await evaluate('location.href')).startsWith(origin)) {
    await go(`${origin}/`);
    await until(`document.title === 'Relying party'`);
  }
  const parse = verb === 'create' ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON';
  return evaluate(`navigator.credentials.${verb}({
    publicKey: PublicKeyCredential.${parse}(${JSON.stringify(options)})
  }).then((credential) => credential.toJSON())`);
}

async function obey(command) {
  if (command.sign_in) return { text: await signIn(command.sign_in, command.person) };
  if (command.sign_out) return { text: await signOut(command.sign_out) };
  if (command.authenticator) return plug(command.authenticator);
  if (command.create) return credentials('create', command.create);
  if (command.get) return credentials('get', command.get);
  return { origin };
}
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await obey(JSON.parse(line)).catch((error) => ({ error: error.message }));
  console.log(JSON.stringify(answer));
}
chromium.kill();
