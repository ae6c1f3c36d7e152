// Exit code for Docker: 0 if the service on a port of this machine answers, otherwise 1. The image has no curl.
const [port] = process.argv.slice(2);

try {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(4000) });
  if (!answer.ok) {
    throw new Error(`it answers ${answer.status}`);
  }
} catch (error) {
  process.stderr.write(`nothing healthy on port ${port}: ${error.message}\n`);
  process.exitCode = 1;
}
