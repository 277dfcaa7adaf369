/* SPDX-License-Identifier: PostgreSQL */
/* console.js - SQL as the application's role, and what PostgreSQL says. */
import { ask } from './api.js';
import { element } from './dom.js';
import { STATEMENTS } from './statements.js';

export class Console {
    constructor(form, onDone) {
        this.field = form.querySelector('textarea');
        this.output = form.querySelector('.output');
        this.onDone = onDone;
        form.addEventListener('submit', (event) => {
            event.preventDefault();
            this.run();
        });
        this.field.addEventListener('keydown', (event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                this.run();
            }
        });
        for (const { name, sql } of STATEMENTS) {
            const button = element('button', 'statement', name);
            button.type = 'button';
            button.title = sql;
            button.addEventListener('click', () => {
                this.field.value = sql;
                this.run();
            });
            form.querySelector('.statements').append(button);
        }
        this.field.value = STATEMENTS[0].sql;
    }

    async run() {
        const sql = this.field.value.trim();
        if (sql === '') {
            return;
        }
        this.show('…', false);
        try {
            const { output, failed } = await ask('POST', '/sql', { sql });
            this.show(output || 'done', failed);
        } catch (error) {
            this.show(error.message, true);
        }
        this.onDone();
    }

    show(text, hasFailed) {
        this.output.textContent = text;
        this.output.classList.toggle('bad', hasFailed);
    }
}
