/* SPDX-License-Identifier: MIT */
/* Words of a text file. */
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int words_open(words *r, const char *path, char *message, size_t capacity)
{
    *r = (words){.line = 1, .message = message, .capacity = capacity};
    if (capacity)
        message[0] = '\0';
    r->file = fopen(path, "r");
    if (!r->file && capacity)
        (void)snprintf(message, capacity, "cannot open '%s'", path);
    r->failed = !r->file;
    return r->failed ? -1 : 0;
}

int words_close(words *r)
{
    if (r->file) {
        if (ferror(r->file))
            words_fail(r, "cannot read", "the file");
        (void)fclose(r->file);
        r->file = NULL;
    }
    return r->failed ? -1 : 0;
}

void words_fail(words *r, const char *what, const char *detail)
{
    if (!r->failed && r->capacity)
        (void)snprintf(r->message, r->capacity, "line %zu: %s '%s'", r->line, what, detail);
    r->failed = 1;
}

static int is_space(int c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

const char *words_next(words *r)
{
    size_t n = 0;
    int c = ' ';
    if (r->failed)
        return NULL;
    while (c != EOF && is_space(c)) {
        c = fgetc(r->file);
        r->line += c == '\n';
    }
    while (c != EOF && !is_space(c) && n + 1 < sizeof r->word) {
        r->word[n++] = (char)c;
        c = fgetc(r->file);
    }
    r->word[n] = '\0';
    if (c != EOF && !is_space(c))
        words_fail(r, "overlong word", r->word);
    else if (c != EOF)
        (void)ungetc(c, r->file);
    return n && !r->failed ? r->word : NULL;
}

const char *words_need(words *r)
{
    const char *word = words_next(r);
    if (!word)
        words_fail(r, "unexpected", "end of file");
    return word;
}

void words_expect(words *r, const char *key)
{
    const char *word = words_need(r);
    if (word && strcmp(word, key) != 0)
        words_fail(r, "not the expected key:", word);
}

double words_number(words *r)
{
    char *end;
    const char *word = words_need(r);
    if (!word)
        return 0;
    const double v = strtod(word, &end);
    if (*end)
        words_fail(r, "not a number:", word);
    return v;
}

size_t words_parse_count(words *r, const char *word, size_t limit)
{
    char *end;
    if (!word)
        return 0;
    errno = 0;
    const unsigned long v = strtoul(word, &end, 10);
    if (errno || *end || *word == '-' || v > limit) {
        words_fail(r, "not a count:", word);
        return 0;
    }
    return (size_t)v;
}

size_t words_count(words *r, size_t limit)
{
    return words_parse_count(r, words_need(r), limit);
}

int words_choice(words *r, const char *const *names, int n)
{
    const char *word = words_need(r);
    for (int k = 0; word && k < n; k++)
        if (strcmp(word, names[k]) == 0)
            return k;
    if (word)
        words_fail(r, "unknown name:", word);
    return 0;
}
