// SPDX-License-Identifier: PostgreSQL
// all.mjs - every fault, by name.
import * as clock from './clock.mjs';
import * as database from './database.mjs';
import * as links from './links.mjs';
import * as lull from './lull.mjs';
import * as nats from './nats.mjs';
import * as network from './network.mjs';
import * as process from './process.mjs';
import * as resources from './resources.mjs';

export const FAULTS = new Map([process, database, network, resources, lull, clock, nats, links]
    .flatMap((module) => Object.values(module)).map((fault) => [fault.name, fault]));
