// Bare `ws`: a set of sockets for each channel, and one send for each of them.
"use strict";

const { WebSocketServer } = require("ws");
const { Hall, listen } = require("./hall.js");

const hall = new Hall();
const channels = new Map();

const send = (socket, packet) => socket.send(JSON.stringify(packet));

function enter(socket, channel) {
  if (!channels.has(channel)) channels.set(channel, new Set());
  channels.get(channel).add(socket);
  socket.channels.add(channel);
}

function exit(socket, channel) {
  channels.get(channel)?.delete(socket);
  socket.channels.delete(channel);
}

const server = hall.serve({ enter, exit, send });
const sockets = new WebSocketServer({ server, path: "/v1/chat/socket" });
sockets.on("connection", (socket) => {
  socket.channels = new Set();
  socket.on("message", (data) => {
    const said = hall.take(JSON.parse(data), socket, (packet) => send(socket, packet));
    if (!said) return;
    const frame = Buffer.from(JSON.stringify(said.packet));
    for (const member of channels.get(said.channel) ?? []) member.send(frame, { binary: false });
  });
  socket.on("close", () => {
    for (const channel of socket.channels) exit(socket, channel);
  });
});
listen(server);
