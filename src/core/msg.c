/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/msg.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/mem.h"

/* Stands in front of each message: readers see immutable bytes and nothing that changes. */
struct msg_head {
    alignas(struct pgc_msg) atomic_size_t refs;
    char *about; /* the message only borrows them */
    char *embeds;
};

static struct msg_head *
msg_head(struct pgc_msg *msg)
{
    return (struct msg_head *)(void *)((char *)msg - sizeof(struct msg_head));
}

struct pgc_msg *
pgc_msg_new(
    const struct pgc_position *position, int64_t committed_us, const char *text, size_t length)
{
    struct msg_head *head = pgc_xmalloc(sizeof(*head) + sizeof(struct pgc_msg) + length + 1);
    struct pgc_msg *msg = (struct pgc_msg *)(void *)(head + 1);

    atomic_init(&head->refs, 1);
    head->about = NULL;
    head->embeds = NULL;
    msg->position = *position;
    msg->seen = (struct pgc_seen){0};
    msg->trace = (struct pgc_trace){0};
    msg->committed_us = committed_us;
    msg->about = NULL;
    msg->embeds = NULL;
    msg->is_update = false;
    msg->length = length;
    if (length > 0) {
        memcpy(msg->text, text, length);
    }
    msg->text[length] = '\0';
    return msg;
}

void
pgc_msg_set_about(struct pgc_msg *msg, const char *about, const char *embeds, bool is_update)
{
    struct msg_head *head = msg_head(msg);

    assert(atomic_load_explicit(&head->refs, memory_order_relaxed) == 1);
    assert(head->about == NULL && head->embeds == NULL);
    head->about = about != NULL ? pgc_xstrdup(about) : NULL;
    head->embeds = embeds != NULL ? pgc_xstrdup(embeds) : NULL;
    msg->about = head->about;
    msg->embeds = head->embeds;
    msg->is_update = is_update;
}

struct pgc_msg *
pgc_msg_ref(struct pgc_msg *msg)
{
    atomic_fetch_add_explicit(&msg_head(msg)->refs, 1, memory_order_relaxed);
    return msg;
}

void
pgc_msg_unref(struct pgc_msg *msg)
{
    struct msg_head *head;
    size_t before;

    if (msg == NULL) {
        return;
    }
    head = msg_head(msg);
    before = atomic_fetch_sub_explicit(&head->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1) {
        free(head->about);
        free(head->embeds);
        free(head);
    }
}

/* Behind that text, and what space is before it; NULL if there is another. */
static const char *
msg_behind(const char *at, const char *text)
{
    at += strspn(at, " \t\r\n");
    return strncmp(at, text, strlen(text)) == 0 ? at + strlen(text) : NULL;
}

void
pgc_msg_name(const struct pgc_msg *msg, char *out, size_t size)
{
    static const char *const start[] = {"{", "\"event\"", ":", "\""};
    const char *name = msg->text;
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++) {
        name = msg_behind(name, start[i]);
        if (name == NULL) {
            return;
        }
    }
    while (name[length] != '\0' && name[length] != '"' && length < size - 1) {
        length += name[length] == '\\' && name[length + 1] != '\0' ? 2 : 1;
    }
    length = length < size ? length : size - 2; /* no backslash alone */
    memcpy(out, name, length);
    out[length] = '\0';
}
