// Carries TCP between network namespaces that no cable joins: sockets of the file system are reached from all of them.
//
//   node forward.mjs '[{"from": ADDRESS, "to": ADDRESS}, ...]'     ADDRESS: {"path": …} or {"host": …, "port": …}
import { connect, createServer } from 'node:net';

for (const { from, to } of JSON.parse(process.argv[2])) {
  createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      socket.setNoDelay?.(true);
      // Whatever ends one side ends the other; that nobody listens there looks like a connection that breaks.
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroySoon());
    }
    near.pipe(far);
    far.pipe(near);
  }).listen(from);
}
