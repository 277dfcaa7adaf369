/* SPDX-License-Identifier: PostgreSQL */
/* page.js - puts the page together, and asks the application once a second how things are. */
import { ask } from './api.js';
import { Console } from './console.js';
import { Ledger } from './ledger.js';
import { Machinery } from './machinery.js';
import { Member } from './member.js';
import { MEMBERS } from './settings.js';
import { Story } from './story.js';
import { Trace } from './trace.js';

const LOOK_MS = 1000;
const SOON_MS = 60;

const find = (selector) => document.querySelector(selector);
const tell = (text) => {
    find('.story').textContent = text;
};

const ledger = new Ledger();
const trace = new Trace(find('.trace'), ledger);
const members = MEMBERS.map((id) => new Member(id, trace));
const story = new Story({ trace, ledger, members, tell });
const machinery = new Machinery(find('.machinery'), { poke, tell });
new Console(find('.console'), poke);
trace.onFrame = poke;

let isListening = false; // to everything, for both members
let after = ''; // the tick up to which all rows are known; '' asks for the newest one
let timer = null;
let isSoon = false;
let isLooking = false;

// Something has happened: look soon, however often it happens.
function poke() {
    if (!isSoon) {
        isSoon = true;
        clearTimeout(timer);
        timer = setTimeout(look, SOON_MS);
    }
}

function show(answer) {
    machinery.show(answer);
    if (answer.daemon.state === 'ready') {
        members.forEach((member) => member.reconnect());
    }
    if (isListening) {
        after = answer.tick ?? after;
        answer.rows.forEach((row) => trace.row(row));
        members.forEach((member) => ledger.show(member));
        story.see(answer);
        find('main').setAttribute('aria-busy', 'false');
    }
    isListening ||= members.every((member) => member.isConnected);
}

async function look() {
    isSoon = false;
    if (isLooking) {
        poke();
        return;
    }
    isLooking = true;
    try {
        show(await ask('GET', '/state', { after }));
    } catch (error) {
        tell(error.message);
    }
    isLooking = false;
    if (!isSoon) {
        timer = setTimeout(look, LOOK_MS);
    }
}

async function begin(member) {
    try {
        await member.start();
        poke();
    } catch (error) {
        member.showTrouble(error.message);
        setTimeout(begin, LOOK_MS, member);
    }
}

members.forEach(begin);
look();
