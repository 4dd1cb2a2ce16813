const { createServer } = require('node:http');

createServer((_request, response) => response.end(`release ${process.env.CUTOVER_RELEASE}\n`)).listen(
  Number(process.env.PORT),
  process.env.HOST,
);
