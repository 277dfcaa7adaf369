// SPDX-License-Identifier: PostgreSQL
// world.mjs - what all tests share: one cluster with the reference schema, one daemon.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { App } from './app.mjs';
import { Daemon, pgcable } from './daemon.mjs';
import { Postgres } from './postgres.mjs';

// The members and rooms that the recorded transcripts speak of.
const SEED = `
    insert into community_members (id, name, email)
        values (42, 'Ann Lee', 'ann@example.test'), (43, 'Bo Ray', 'bo@example.test');
    insert into chat_rooms (id, name) values (7, 'Team'), (8, 'Ann alone');
    insert into chat_room_participants (chat_room_id, community_member_id)
        values (7, 42), (8, 42), (7, 43);
    select setval(pg_get_serial_sequence('community_members', 'id'), 1000),
        setval(pg_get_serial_sequence('chat_rooms', 'id'), 1000);`;

export class World {
    static async create() {
        const world = new World();
        world.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgcable-integration-'));
        fs.chmodSync(world.dir, 0o711); // the database's own user passes through
        world.pg = new Postgres(path.join(world.dir, 'pg'));
        try {
            await world.#begin();
        } catch (error) {
            await world.end().catch(() => {});
            throw error;
        }
        return world;
    }

    async #begin() {
        const { pg } = this;
        await pg.start('max_connections = 60');
        await pg
            .role('postgres', 'postgres')
            .script('create role app login; create database app owner app;');
        this.superuser = pg.role('app', 'postgres');
        this.app = new App(pg.role('app', 'app'), this.superuser);
        this.dsn = pg.dsn('app', 'pgcable_daemon');
        await this.app.role.file('sql/reference/schema.sql');
        await this.app.role.script(SEED);
        const migrated = await pgcable(['migrate', '-d', this.superuser.dsn]);
        if (migrated.code !== 0) {
            throw new Error(`pgcable migrate: ${migrated.stderr}`);
        }
        await this.superuser.file('sql/reference/attach.sql');
        this.daemon = await Daemon.create(this.dir, { database: this.dsn });
        await this.daemon.start();
        await this.daemon.ready();
    }

    // Takes everything away; complains if the daemon did not end well.
    async end() {
        try {
            await this.daemon?.stop();
        } finally {
            await this.pg.stop().catch(() => {});
            if (!process.env.PGCABLE_KEEP) {
                fs.rmSync(this.dir, { recursive: true, force: true });
            }
        }
    }
}
