// Passes bytes on to a server and counts the connections that clients open.
import net from 'node:net';

export class CountingProxy {
  connections = 0;
  #listener;
  #sockets = new Set();

  static async to(port) {
    const proxy = new CountingProxy();
    proxy.#listener = net.createServer((client) => {
      ++proxy.connections;
      const server = net.connect(port, '127.0.0.1');
      for (const [from, into] of [[client, server], [server, client]]) {
        proxy.#sockets.add(from);
        from.on('error', () => into.destroy());
        from.on('close', () => into.destroy());
        from.pipe(into);
      }
    });
    await new Promise((resolve) => proxy.#listener.listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${proxy.#listener.address().port}`;
    return proxy;
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}
