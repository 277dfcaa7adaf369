// SPDX-License-Identifier: PostgreSQL
// jws.mjs - what a token is worth, by RFC 7515, 7519 and 8725 as packaging/SECURITY.md reads them: a
// second opinion on src/auth, with node's own crypto and nothing of ours.
import crypto from 'node:crypto';

class Wrong extends Error {}

const refuse = (why) => {
    throw new Wrong(why);
};

// ---- JSON (RFC 8259), strictly: { type, value, raw }

const TOKEN = {
    space: /[ \t\n\r]*/y,
    number: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y,
    // eslint-disable-next-line no-control-regex
    string: /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y,
    word: /true|false|null/y,
};

class Json {
    #at = 0;

    constructor(text) {
        this.text = text;
    }

    static parse(bytes) {
        let text;
        try {
            text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
        } catch {
            refuse('no UTF-8');
        }
        const json = new Json(text);
        json.#take('space');
        if (json.text[json.#at] !== '{') {
            refuse('no object');
        }
        const value = json.#value(1);
        json.#take('space');
        if (json.#at !== text.length) {
            refuse('something after the object');
        }
        return value;
    }

    #take(name) {
        TOKEN[name].lastIndex = this.#at;
        const [found] = TOKEN[name].exec(this.text) ?? [];
        this.#at += found?.length ?? 0;
        return found;
    }

    #skip(char) {
        this.#take('space');
        const is = this.text[this.#at] === char;
        this.#at += is ? 1 : 0;
        return is;
    }

    #string() {
        const raw = this.#take('string') ?? refuse('no string');
        const value = JSON.parse(raw);
        if (value.includes('\0') || !value.isWellFormed()) {
            refuse('NUL or half a pair');
        }
        return { type: 'string', value, raw };
    }

    #value(depth) {
        this.#take('space');
        const start = this.#at;
        switch (this.text[start]) {
            case '{':
                return this.#object(depth);
            case '[':
                return this.#array(depth);
            case '"':
                return this.#string();
            default: {
                const word = this.#take('word');
                if (word) {
                    return { type: 'word', value: word, raw: word };
                }
                const raw = this.#take('number') ?? refuse('no value');
                if (raw.length > 1000 || /[eE][+-]?[0-9]{4}/.test(raw)) {
                    refuse('a number out of range');
                }
                return { type: 'number', value: Number(raw), raw };
            }
        }
    }

    #enter(depth) {
        if (depth > 8) {
            refuse('too deep');
        }
        this.#at++;
    }

    #object(depth) {
        const members = new Map();
        this.#enter(depth);
        for (let more = !this.#skip('}'); more; more = this.#skip(',')) {
            this.#take('space');
            const key = this.#string().value;
            if (!this.#skip(':') || members.has(key)) {
                refuse('no colon, or a key given twice');
            }
            members.set(key, this.#value(depth + 1));
            if (this.#skip('}')) {
                return { type: 'object', value: members };
            }
        }
        return members.size > 0 ? refuse('no closing brace') : { type: 'object', value: members };
    }

    #array(depth) {
        const elements = [];
        this.#enter(depth);
        for (let more = !this.#skip(']'); more; more = this.#skip(',')) {
            elements.push(this.#value(depth + 1));
            if (this.#skip(']')) {
                return { type: 'array', value: elements };
            }
        }
        return elements.length > 0 ? refuse('no closing bracket') : { type: 'array', value: elements };
    }
}

// ---- the parts

function part(text) {
    if (!/^[A-Za-z0-9_-]+$/.test(text)) {
        refuse('no base64url');
    }
    const bytes = Buffer.from(text, 'base64url');
    return bytes.toString('base64url') === text ? bytes : refuse('another spelling');
}

// The one key of `keys` ({ alg, kid, verify }) that this header means.
function choose(keys, header) {
    for (const name of ['crit', 'b64']) {
        if (header.has(name)) {
            refuse('an extension');
        }
    }
    const [typ, alg, kid] = ['typ', 'alg', 'kid'].map((name) => header.get(name));
    if (typ && !(typ.type === 'string' && /^jwt$/i.test(typ.value))) {
        refuse('typ');
    }
    if (kid && !(kid.type === 'string' && /^[-A-Za-z0-9_.~+/=:@]{1,128}$/.test(kid.value))) {
        refuse('kid');
    }
    if (alg?.type !== 'string') {
        refuse('alg');
    }
    const named = kid && keys.find((key) => key.kid === kid.value);
    const fitting = keys.filter((key) => key.alg === alg.value);
    const [only] = fitting.length === 1 ? fitting : [];
    const key = named ?? (only && !(kid && only.kid) ? only : undefined);
    return key?.alg === alg.value ? key : refuse('no key');
}

// ---- the claims

const LAST_S = 253_402_300_799;

function date(claims, name) {
    const claim = claims.get(name);
    if (!claim) {
        return undefined;
    }
    const seconds = Math.floor(claim.value);
    const isDate = claim.type === 'number' && claim.raw.length <= 63 && Math.abs(seconds) <= LAST_S;
    return isDate ? seconds : refuse(`${name} is no date`);
}

function id(claim, name) {
    const isId = claim.type === 'string' ||
        (claim.type === 'number' && /^-?[0-9]+$/.test(claim.raw) && claim.raw !== '-0');
    const text = isId ? (claim.type === 'string' ? claim.value : claim.raw) : '';
    // eslint-disable-next-line no-control-regex
    const isGood = text !== '' && Buffer.byteLength(text) <= 127 && !/[\u0000-\u001f\u007f]/.test(text);
    return isGood ? text : refuse(`${name} is no id`);
}

function judge(rules, claims) {
    const exp = date(claims, 'exp') ?? refuse('no exp');
    for (const name of ['nbf', 'iat']) {
        if ((date(claims, name) ?? 0) > rules.now + rules.leeway) {
            refuse(`${name} lies ahead`);
        }
    }
    const aud = claims.get('aud');
    const audiences = aud?.type === 'array' ? aud.value : [aud];
    const names = (claim, text) => claim?.type === 'string' && claim.value === text;
    if (rules.audience && !audiences.some((claim) => names(claim, rules.audience))) {
        refuse('another audience');
    }
    if (rules.issuer && !names(claims.get('iss'), rules.issuer)) {
        refuse('another issuer');
    }
    const holder = claims.get('community_member_id') ?? claims.get('sub') ?? refuse('nobody');
    const member = id(holder, 'member');
    const jti = claims.has('jti') ? id(claims.get('jti'), 'jti') : '';
    const hex = (text) => Buffer.from(text).toString('hex');
    const word = rules.now >= exp + rules.leeway ? 'expired' : 'ok';
    return `${word} ${hex(member)} ${hex(jti)} ${date(claims, 'iat') ?? 0} ${exp}`;
}

// { verdict, why }: the verdict as token_verdicts writes it.
export function verdict(rules, keys, token) {
    try {
        const text = token.toString('latin1');
        const parts = text.split('.');
        if (token.length > 8192 || parts.length !== 3) {
            refuse('shape');
        }
        const [header, claims, signature] = parts.map(part);
        const key = choose(keys, Json.parse(header).value);
        if (!key.verify(Buffer.from(`${parts[0]}.${parts[1]}`), signature)) {
            refuse('signature');
        }
        return { verdict: judge(rules, Json.parse(claims).value), why: '' };
    } catch (error) {
        if (error instanceof Wrong) {
            return { verdict: 'invalid', why: error.message };
        }
        throw error;
    }
}
