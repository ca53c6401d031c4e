// Socket.IO: a room for each channel; WebSocket only, everything else at its default.
"use strict";

const { Server } = require("socket.io");
const { Hall, listen } = require("./hall.js");

const hall = new Hall();
const server = hall.serve({
  enter: (socket, channel) => socket.join(channel),
  exit: (socket, channel) => socket.leave(channel),
  send: (socket, packet) => socket.emit("packet", packet),
});
const io = new Server(server, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("packet", (packet) => {
    const said = hall.take(packet, socket, (answer) => socket.emit("packet", answer));
    if (said) io.to(said.channel).emit("packet", said.packet);
  });
});
listen(server);
