/* SPDX-License-Identifier: PostgreSQL */
/* machinery.js - the lamps and switches of the database and the daemon, and the tour of resume. */
import { ask } from './api.js';

const WORDS = { ready: 'runs', starting: 'is not ready', down: 'is down' };
const TOUR_MESSAGES = 5;

export class Machinery {
    // `poke()` asks for the state now; `tell(text)` says what is going on.
    constructor(root, { poke, tell }) {
        this.root = root;
        this.poke = poke;
        this.tell = tell;
        this.state = { database: null, daemon: null };
        this.isTouring = false;
        for (const machine of root.querySelectorAll('.machine')) {
            const { name } = machine.dataset;
            machine.querySelector('button').addEventListener('click', () => {
                this.attempt(this.turn(name, this.state[name] === 'down' ? 'start' : 'kill'));
            });
        }
        this.tourButton = root.querySelector('.tour');
        this.tourButton.addEventListener('click', () => this.attempt(this.tour()));
        // The page itself comes from the daemon.
        window.addEventListener('beforeunload', (event) => {
            if (this.state.daemon === 'down') {
                event.preventDefault();
            }
        });
    }

    async attempt(promise) {
        try {
            await promise;
        } catch (error) {
            this.tell(error.message);
        }
    }

    async turn(name, verb) {
        const machine = this.root.querySelector(`[data-name="${name}"] button`);
        machine.disabled = true;
        try {
            await ask('POST', `/${name}/${verb}`);
        } finally {
            machine.disabled = false;
            this.poke();
        }
    }

    show(answer) {
        for (const machine of this.root.querySelectorAll('.machine')) {
            const { name } = machine.dataset;
            const { state, why, pid } = answer[name];
            this.state[name] = state;
            machine.dataset.state = state;
            machine.title = why || (pid ? `process ${pid}` : '');
            machine.querySelector('.how').textContent = WORDS[state];
            const button = machine.querySelector('button');
            button.textContent = state === 'down' ? 'Start' : button.dataset.kill;
        }
        this.tourButton.disabled =
            this.isTouring || this.state.database !== 'ready' || this.state.daemon !== 'ready';
    }

    // The daemon is killed, somebody goes on writing, the daemon comes back.
    async tour() {
        this.isTouring = this.tourButton.disabled = true;
        try {
            await this.turn('daemon', 'kill');
            for (let n = 1; n <= TOUR_MESSAGES; n++) {
                this.tell(`The daemon is dead. Cleo writes ${n} of ${TOUR_MESSAGES} …`);
                await ask('POST', '/sql', {
                    sql: `insert into chat_room_messages
                        (chat_room_id, chat_room_participant_id, body)
                        values (1, 3, 'The daemon is dead, ${n} of ${TOUR_MESSAGES}')`,
                });
                this.poke();
                await new Promise((resolve) => {
                    setTimeout(resolve, 300); // for the eye
                });
            }
            await this.turn('daemon', 'start');
        } finally {
            this.isTouring = false;
        }
    }
}
