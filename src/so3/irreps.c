/* SPDX-License-Identifier: MIT */
/* Lists of irreps: e3nn's notation, sizes, order.
   Sort key (l, p), stable; simplify drops empty terms and merges neighbours. */
#include "e3tp/so3.h"

#include <stdio.h>

static const char *skip_space(const char *s)
{
    while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
        s++;
    return s;
}

/* Decimal digits at *s into *value, saturating at UINT64_MAX / 16; 0 if there is no digit. */
static int read_number(const char **s, uint64_t *value)
{
    const char *start = *s;
    *value = 0;
    for (; **s >= '0' && **s <= '9'; (*s)++)
        if (*value < UINT64_MAX / 16)
            *value = *value * 10 + (uint64_t)(**s - '0');
    return *s != start;
}

/* Parity of the letter for degree l, or 0. */
static int parity_of(char c, uint64_t l)
{
    if (c == 'e')
        return 1;
    if (c == 'o')
        return -1;
    if (c == 'y')
        return l % 2 ? -1 : 1;
    return 0;
}

/* One term at *s, surrounded by white space. */
static e3tp_status read_term(const char **s, e3tp_irrep *out)
{
    uint64_t mul = 1, l;
    const char *p = skip_space(*s);
    if (!read_number(&p, &l))
        return E3TP_E_INVALID;
    p = skip_space(p);
    if (*p == 'x') {
        mul = l;
        p = skip_space(p + 1);
        if (!read_number(&p, &l))
            return E3TP_E_INVALID;
        p = skip_space(p);
    }
    int parity = parity_of(*p, l);
    if (parity == 0)
        return E3TP_E_INVALID;
    *s = skip_space(p + 1);
    out->mul = (uint32_t)mul;
    out->l = (uint16_t)l;
    out->parity = (int8_t)parity;
    return mul > UINT32_MAX || l > UINT16_MAX ? E3TP_E_UNSUPPORTED : E3TP_OK;
}

e3tp_status e3tp_irreps_parse(const char *text, e3tp_irrep *out, size_t cap, size_t *count)
{
    e3tp_status worst = E3TP_OK;
    size_t n = 0;
    if (count == NULL)
        return E3TP_E_INVALID;
    *count = 0;
    if (text == NULL)
        return E3TP_E_INVALID;
    const char *s = skip_space(text);
    for (int more = *s != '\0'; more; n++) {
        e3tp_irrep term;
        e3tp_status st = read_term(&s, &term);
        if (st == E3TP_E_INVALID || (*s != '+' && *s != '\0'))
            return E3TP_E_INVALID;
        if (st != E3TP_OK)
            worst = st;
        if (out != NULL && n < cap)
            out[n] = term;
        more = *s == '+';
        s += more;
    }
    *count = n;
    if (worst == E3TP_OK && out != NULL && n > cap)
        worst = E3TP_E_SHAPE;
    return worst;
}

size_t e3tp_irreps_format(const e3tp_irrep *s, size_t n, char *buf, size_t cap)
{
    char term[32];
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        int k = snprintf(term, sizeof term, "%s%lux%u%c", i ? "+" : "", (unsigned long)s[i].mul,
                         (unsigned)s[i].l, s[i].parity < 0 ? 'o' : 'e');
        for (int j = 0; j < k; j++, length++)
            if (length + 1 < cap)
                buf[length] = term[j];
    }
    if (cap > 0)
        buf[length < cap ? length : cap - 1] = '\0';
    return length;
}

size_t e3tp_irreps_dim(const e3tp_irrep *s, size_t n)
{
    size_t dim = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t add = (uint64_t)s[i].mul * (2 * (uint64_t)s[i].l + 1);
        if (add > SIZE_MAX - dim)
            return SIZE_MAX;
        dim += (size_t)add;
    }
    return dim;
}

static int less(e3tp_irrep a, e3tp_irrep b)
{
    return a.l != b.l ? a.l < b.l : a.parity < b.parity;
}

/* Insertion sort, stable, moving inv along where it is given. */
static void insert(e3tp_irrep *out, size_t *inv, size_t i, e3tp_irrep term)
{
    size_t j = i;
    for (; j > 0 && less(term, out[j - 1]); j--) {
        out[j] = out[j - 1];
        if (inv != NULL)
            inv[j] = inv[j - 1];
    }
    out[j] = term;
    if (inv != NULL)
        inv[j] = i;
}

/* p[old] = the number of terms that come before it. */
static void rank_terms(const e3tp_irrep *in, size_t n, size_t *p)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = 0;
        for (size_t k = 0; k < n; k++)
            p[i] += less(in[k], in[i]) || (k < i && !less(in[i], in[k]));
    }
}

e3tp_status e3tp_irreps_sort(const e3tp_irrep *in, size_t n, e3tp_irrep *out, size_t *p,
                             size_t *inv)
{
    if (n > 0 && (in == NULL || out == NULL))
        return E3TP_E_INVALID;
    for (size_t i = 0; i < n; i++)
        insert(out, inv, i, in[i]);
    if (p != NULL && inv != NULL)
        for (size_t i = 0; i < n; i++)
            p[inv[i]] = i;
    else if (p != NULL)
        rank_terms(in, n, p);
    return E3TP_OK;
}

size_t e3tp_irreps_simplify(const e3tp_irrep *in, size_t n, e3tp_irrep *out)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        e3tp_irrep s = in[i];
        if (s.mul == 0)
            continue;
        if (k > 0 && out[k - 1].l == s.l && out[k - 1].parity == s.parity &&
            s.mul <= UINT32_MAX - out[k - 1].mul)
            out[k - 1].mul += s.mul;
        else
            out[k++] = s;
    }
    return k;
}
