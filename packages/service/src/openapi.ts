import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { z } from 'zod';

/**
 * What `GET /openapi.json` says of a route. Nothing is validated by it: routes do that themselves, and their errors say
 * more than a framework's.
 *
 * @param options.body what a change may have: a key that is left out stays as it is, and has no default
 */
export function documented(
  summary: string,
  { body, querystring }: { readonly body?: z.ZodType; readonly querystring?: z.ZodType } = {},
): FastifySchema {
  return {
    summary,
    ...(body === undefined ? {} : { body: schemaOf(body) }),
    ...(querystring === undefined ? {} : { querystring: schemaOf(querystring) }),
  };
}

function schemaOf(input: z.ZodType): unknown {
  return z.toJSONSchema(input, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema, path }) => {
      if (path.length === 2 && path[0] === 'properties') {
        delete jsonSchema.default;
      }
    },
  });
}

/** `GET /openapi.json`: the documented routes that are added from now on, as OpenAPI 3.1. */
export async function addOpenApi(app: FastifyInstance, service: string): Promise<void> {
  app.setValidatorCompiler(() => () => true);
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: `semcast ${service}`, version: '0.1.0' } },
    transform: ({ schema, url }) => ({ schema: schema ?? { hide: true }, url }),
  });
  app.get('/openapi.json', { schema: documented('This document') }, () => app.swagger());
}
