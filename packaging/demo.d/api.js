/* SPDX-License-Identifier: PostgreSQL */
/* api.js - asks the application.  The key of this run stands in the page's address. */
import { APPLICATION } from './settings.js';

const key = new URLSearchParams(location.hash.slice(1)).get('key') ?? '';

export async function ask(method, path, fields = {}) {
    const url = new URL(path, APPLICATION);
    const options = { method, headers: { 'X-Demo-Key': key } };
    if (method === 'GET') {
        url.search = new URLSearchParams(fields);
    } else {
        options.headers['Content-Type'] = 'application/json';
        options.body = JSON.stringify(fields);
    }
    const response = await fetch(url, options);
    const answer = await response.json();
    if (!response.ok) {
        throw new Error(answer.error);
    }
    return answer;
}
