// A WebSocket over HTTP/2 (RFC 8441), as browsers open it where the server offers that:
//
//     node extended_connect.mjs https://localhost:8443 '/v1/events?topic=demo/**'
//
// Prints the first bytes of the server's first frame, or that such WebSockets are not offered.

import { connect } from 'node:http2';
import process from 'node:process';

const [, , url, path] = process.argv;
const session = connect(url);
session.on('remoteSettings', ({ enableConnectProtocol }) => {
  if (!enableConnectProtocol) {
    console.log('not offered');
    session.close();
    return;
  }
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':authority': new URL(url).host,
      ':path': path,
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'tricast.v1',
      origin: url,
    },
    { endStream: false },
  );
  stream.on('response', (headers) => console.log(headers[':status']));
  stream.once('data', (frame) => {
    console.log(frame.toString('latin1'));
    session.destroy();
  });
});
