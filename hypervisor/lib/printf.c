/* SPDX-License-Identifier: GPL-2.0-only */
/* Formatted output to a buffer. No floating point, no %n; hyp/lib.h lists what there is. */
#include <hyp/lib.h>

struct out {
	char *buf;
	size_t size, len; /* len: what it would be without a limit */
};

struct spec {
	bool left, zero, upper, prefix, is_signed;
	int width, precision; /* -1: none given */
	unsigned int base, longs;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const struct spec *s, const char *str)
{
	int n;

	if (!str)
		str = "(null)";
	n = (int)strnlen(str, s->precision >= 0 ? (size_t)s->precision : 65536);
	if (!s->left)
		pad(o, ' ', s->width - n);
	for (int i = 0; i < n; i++)
		put(o, str[i]);
	if (s->left)
		pad(o, ' ', s->width - n);
}

static void put_number(struct out *o, const struct spec *s, unsigned long long v, bool negative)
{
	const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24];
	int n = 0, zeros, lead = (negative ? 1 : 0) + (s->prefix ? 2 : 0);

	for (; v; v /= s->base)
		tmp[n++] = digits[v % s->base];
	if (!n && s->precision != 0)
		tmp[n++] = '0';
	zeros = max(s->precision - n, 0);
	if (s->zero && !s->left && s->precision < 0)
		zeros = max(s->width - lead - n, 0);
	if (!s->left)
		pad(o, ' ', s->width - lead - zeros - n);
	if (negative)
		put(o, '-');
	if (s->prefix) {
		put(o, '0');
		put(o, 'x');
	}
	pad(o, '0', zeros);
	for (int i = n; i > 0; i--)
		put(o, tmp[i - 1]);
	if (s->left)
		pad(o, ' ', s->width - lead - zeros - n);
}

static const char *parse_width(const char *p, int *v, va_list *ap)
{
	if (*p == '*') {
		*v = va_arg(*ap, int);
		return p + 1;
	}
	*v = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		*v = min(*v * 10 + (*p - '0'), 4096);
	return p;
}

/* Flags, width, precision and size; returns the conversion character's place. */
static const char *parse_spec(const char *p, struct spec *s, va_list *ap)
{
	*s = (struct spec){ .precision = -1, .base = 10 };
	for (;; p++) {
		if (*p == '-')
			s->left = true;
		else if (*p == '0')
			s->zero = true;
		else if (*p == '#')
			s->prefix = true;
		else
			break;
	}
	p = parse_width(p, &s->width, ap);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*p == '.')
		p = parse_width(p + 1, &s->precision, ap);
	for (; *p == 'l' || *p == 'z'; p++)
		s->longs++;
	return p;
}

static void convert_number(struct out *o, struct spec *s, char c, va_list *ap)
{
	unsigned long long v;
	bool negative;

	s->is_signed = c == 'd' || c == 'i';
	s->upper = c == 'X';
	s->base = s->is_signed || c == 'u' ? 10 : c == 'o' ? 8 : 16;
	s->prefix &= s->base == 16;
	if (c == 'p') {
		s->prefix = true;
		v = (uintptr_t)va_arg(*ap, void *);
	} else if (s->longs) {
		v = va_arg(*ap, unsigned long long);
	} else if (s->is_signed) {
		v = (unsigned long long)(long long)va_arg(*ap, int);
	} else {
		v = va_arg(*ap, unsigned int);
	}
	negative = s->is_signed && (long long)v < 0;
	put_number(o, s, negative ? 0 - v : v, negative);
}

/* True when c was a conversion. */
static bool convert(struct out *o, struct spec *s, char c, va_list *ap)
{
	char one[2] = "";

	if (c == 's') {
		put_string(o, s, va_arg(*ap, const char *));
	} else if (c == 'c') {
		one[0] = (char)va_arg(*ap, int);
		put_string(o, s, one);
	} else if (c == '%') {
		put(o, '%');
	} else if (c && strchr("diuxXop", c)) {
		convert_number(o, s, c, ap);
	} else {
		return false;
	}
	return true;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	struct spec s;
	va_list args;

	va_copy(args, ap);
	for (; *fmt; fmt++) {
		const char *start = fmt;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &args);
		if (convert(&o, &s, *fmt, &args))
			continue;
		for (; start < fmt; start++) /* unknown: as it stands */
			put(&o, *start);
		fmt--;
	}
	va_end(args);
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
