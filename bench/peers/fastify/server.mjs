// The same decision on Node: what bench/peers/README.md says all of them do.
import {createHash} from 'node:crypto';
import fastify from 'fastify';
import Redis from 'ioredis';

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = new Redis({host: '127.0.0.1', port: redisPort, enableAutoPipelining: true, commandTimeout: 30});
const server = fastify({logger: false, keepAliveTimeout: 600000});

function actionOf(plan, number) {
  if (plan.barring === 'all' || plan.barring === 'incoming')
    return {reject: {sip_code: 603, q850: 21, reason: 'barred'}};
  return {connect: {targets: [{e164: plan.forward_always ?? number}], strategy: 'simultaneous', timeout_s: 30}};
}

server.post('/*', async (request, reply) => {
  const number = request.body?.call?.to?.e164;
  if (!number) return reply.code(400).send({status: 400});
  const text = await redis.get(`bench:${number}`);
  if (!text) return reply.code(503).send({status: 503});
  return {decision_id: createHash('md5').update(request.body.event_id).digest('hex'), flow: null, state: null,
          actions: [actionOf(JSON.parse(text), number)], on_timeout: []};
});

await server.listen({host: '127.0.0.1', port});
