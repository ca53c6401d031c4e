// What every peer does the same way: the packets of the chat, who is in which channel, and the HTTP calls of the tool.
// Nothing is checked, limited, ordered or kept: the peers get the benefit of every doubt.
"use strict";

const http = require("node:http");

const MEMBERS = /^\/api\/v1\/games\/(\d+)\/channels\/([^/]+)\/members\/(\d+)$/;
const DONE = JSON.stringify({ code: 0, message: "Success.", data: {} });

class Hall {
  constructor() {
    // By player: whatever the peer sends through.
    this.players = new Map();
  }

  // Answers a packet by `send`, and gives what is for everybody in a channel.
  take(packet, socket, send) {
    const { packetType, correlationId, body } = packet;
    const answer = (more) => send({ packetType: `RESPONSE_${packetType}`, correlationId, status: 200, message: "OK", ...more });
    switch (packetType) {
      case "CONNECT":
        this.players.set(body.playerId, socket);
        answer({ body: { sessionId: "0".repeat(32) } });
        return undefined;
      case "RECONNECT":
        this.players.set(body.playerId, socket);
        answer({ body: { sessionId: "0".repeat(32), channelIds: [], failChannelIds: [] } });
        return undefined;
      case "CHANNEL_CHAT": {
        answer({});
        const { gameIndex, from, to, message, extraData } = body;
        return { channel: to, packet: notify("NOTIFY_CHANNEL_CHAT", { gameIndex, from, to, message, extraData }) };
      }
      case "PING":
        send({ packetType: "PONG", correlationId });
        return undefined;
      default:
        return undefined;
    }
  }

  // An HTTP server; `enter` and `exit` get what `take` was given as the player's socket, and the channel.
  serve({ enter, exit, send }) {
    return http.createServer((request, response) => {
      const found = MEMBERS.exec(request.url);
      const socket = found && this.players.get(Number(found[3]));
      if (socket) {
        const isEnter = request.method === "POST";
        (isEnter ? enter : exit)(socket, found[2]);
        const fields = { gameIndex: Number(found[1]), channelId: found[2], playerId: Number(found[3]) };
        send(socket, notify(isEnter ? "NOTIFY_ENTER_CHANNEL" : "NOTIFY_EXIT_CHANNEL", fields));
      }
      request.resume();
      response.writeHead(200, { "content-type": "application/json", "content-length": DONE.length });
      response.end(DONE);
    });
  }
}

function notify(packetType, fields) {
  const now = new Date();
  return { packetType, body: { ...fields, timestamp: now.toISOString(), timestampMillis: now.getTime() } };
}

// Tells the address on stdout once the server serves.
function listen(server) {
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
    console.log(`ready public=127.0.0.1:${server.address().port}`);
  });
}

module.exports = { Hall, listen };
