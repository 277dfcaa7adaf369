// SPDX-License-Identifier: PostgreSQL
// pki.mjs - a certificate authority for a test, by the openssl command: a root that clients trust,
// and one between it and the certificates.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export class Authority {
    constructor(dir) {
        fs.mkdirSync(dir);
        fs.chmodSync(dir, 0o711); // the database's own user passes through
        this.dir = dir;
        this.config = path.join(dir, 'openssl.cnf');
        fs.writeFileSync(this.config, '[req]\ndistinguished_name = dn\n[dn]\n');
        this.root = this.#make('root', null, ['basicConstraints = critical,CA:TRUE']);
        this.between = this.#make('between', this.root, ['basicConstraints = critical,CA:TRUE']);
        this.ca = this.root.certificate;
    }

    #make(name, issuer, extensions, algorithm = EC, days = 30) {
        const certificate = path.join(this.dir, `${name}.crt`);
        const key = path.join(this.dir, `${name}.key`);
        const args = ['req', '-x509', '-config', this.config, '-nodes', '-days', String(days)];
        args.push('-newkey', ...algorithm, '-keyout', key, '-out', certificate);
        args.push('-subj', `/CN=${name}`, ...extensions.flatMap((text) => ['-addext', text]));
        if (issuer) {
            args.push('-CA', issuer.certificate, '-CAkey', issuer.key);
        }
        execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
        return { certificate, key };
    }

    // A server's certificate with its chain, and the key: paths.
    issue(name, hosts = 'IP:127.0.0.1', algorithm = EC, days = 30) {
        const made = this.#make(
            name, this.between, [`subjectAltName = ${hosts}`], algorithm, days);
        fs.appendFileSync(made.certificate, fs.readFileSync(this.between.certificate));
        return made;
    }
}
