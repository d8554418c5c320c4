import { createRequire } from 'node:module';
import type * as Protobuf from 'protobufjs/minimal.js';
import type * as Yaml from 'yaml';
import type * as Zod from 'zod';

/** A value that is made when it is first asked for. */
export const lazily = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

const require = createRequire(import.meta.url);

/*
 * These take longer to load than all of nonet, and a program that brings its own model and numbers needs neither: they
 * are loaded when the first configuration is checked, the first recipe read.
 */
export const zod = lazily(() => require('zod') as typeof Zod);
export const yaml = lazily(() => require('yaml') as typeof Yaml);
export const protobuf = lazily(() => require('protobufjs/minimal.js') as typeof Protobuf);
