/* SPDX-License-Identifier: MIT */
/* A text file as a stream of words, for the readers of fixtures. The first failure is kept, with
   its line, in the message; later reads then return 0 or NULL. */
#ifndef E3TP_TESTS_WORDS_H
#define E3TP_TESTS_WORDS_H

#include <stddef.h>
#include <stdio.h>

typedef struct words {
    FILE *file;
    size_t line;
    int failed;
    char *message; /* of the first failure; the caller's */
    size_t capacity;
    char word[256]; /* the last one read */
} words;

/* 0, or -1 if the file cannot be opened. message: capacity bytes, may be NULL with 0. */
int words_open(words *r, const char *path, char *message, size_t capacity);
/* 0, or -1 if anything failed since words_open. */
int words_close(words *r);

void words_fail(words *r, const char *what, const char *detail);
const char *words_next(words *r); /* in r->word; NULL at the end of the file */
const char *words_need(words *r); /* the same, but the end of the file is a failure */
void words_expect(words *r, const char *key);
double words_number(words *r);
/* A decimal number in 0..limit. */
size_t words_count(words *r, size_t limit);
size_t words_parse_count(words *r, const char *word, size_t limit);
/* The place of the next word in names [n]. */
int words_choice(words *r, const char *const *names, int n);

#endif
