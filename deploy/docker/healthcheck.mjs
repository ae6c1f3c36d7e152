// Exit code for Docker: 0 if the service on a port of this machine answers, otherwise 1. The image has no curl.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

const [port] = process.argv.slice(2);

const isTls = Object.keys(process.env).some((name) => /^SEMCAST_[A-Z]+_TLS_CERT$/.test(name));
const { get } = isTls ? https : http;

try {
  // The certificate is for others, who call the service by its name.
  const asked = get({ host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false, timeout: 4000 });
  asked.on('timeout', () => asked.destroy(new Error('no answer within 4 s')));
  const [{ statusCode }] = await once(asked, 'response');
  asked.destroy();
  if (statusCode !== 200) {
    throw new Error(`it answers ${statusCode}`);
  }
} catch (error) {
  process.stderr.write(`nothing healthy on port ${port}: ${error.message}\n`);
  process.exitCode = 1;
}
