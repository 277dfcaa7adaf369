#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
// generate.mjs - writes events.schema.json and pgcable.d.ts out of contract.json.
//
//   node generate.mjs             write both
//   node generate.mjs --check     say whether they are what would be written; status 1 if not
//
// For an application whose tables are not the reference's:
//
//   --ids string          its keys are uuid or text; "number,string" where there are both
//   --nullable a,b        fields that may be null: columns it lacks or leaves empty ("body",
//                         or "Sender.id" for that object only)
//   --out DIR             where to write (default: beside this file)
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseContract } from './contract.mjs';
import { schemaOf } from './schema.mjs';
import { typesOf } from './typescript.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));

function list(text) {
    return text.split(',').map((item) => item.trim()).filter(Boolean);
}

function main() {
    const { values } = parseArgs({
        options: {
            check: { type: 'boolean' },
            ids: { type: 'string', default: 'number' },
            nullable: { type: 'string', default: '' },
            out: { type: 'string', default: HERE },
        },
    });
    const contract = JSON.parse(fs.readFileSync(path.join(HERE, 'contract.json'), 'utf8'));
    const parsed = parseContract(contract, list(values.nullable));
    const outputs = {
        'events.schema.json': `${JSON.stringify(schemaOf(parsed, list(values.ids)), null, 2)}\n`,
        'pgcable.d.ts': typesOf(parsed, list(values.ids)),
    };
    let stale = 0;
    for (const [name, text] of Object.entries(outputs)) {
        const file = path.join(values.out, name);
        if (!values.check) {
            fs.writeFileSync(file, text);
        } else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) {
            console.error(`${file} is not what contract.json says; hint: node packaging/types/generate.mjs`);
            stale++;
        }
    }
    return stale ? 1 : 0;
}

process.exit(main());
