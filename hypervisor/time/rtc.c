/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's battery-backed clock (MC146818 and what followed): read once at
 * boot, before domain 0 owns it. BCD or binary, 12 or 24 hours. The century
 * register's place is in the FADT on machines that have one; 20xx is assumed, as
 * the chip's two-digit year serves until 2099. Taken to run on UTC.
 */
#include <hyp/timer.h>
#include <hyp/x86.h>

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define RTC_SECOND 0
#define RTC_MINUTE 2
#define RTC_HOUR 4
#define RTC_DAY 7
#define RTC_MONTH 8
#define RTC_YEAR 9
#define RTC_A 10
#define RTC_B 11
#define RTC_A_UIP 0x80
#define RTC_B_BINARY 0x04
#define RTC_B_24H 0x02
#define RTC_HOUR_PM 0x80

static uint8_t cmos_read(uint8_t reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

/* An update takes under 2 ms and is announced 244 us ahead. A missing chip reads as all ones. */
static void update_wait(void)
{
	for (unsigned int i = 0; i < 10000 && cmos_read(RTC_A) & RTC_A_UIP; i++)
		cpu_relax();
}

static unsigned int from_bcd(unsigned int v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void date_read(struct rtc_date *d)
{
	uint8_t b = cmos_read(RTC_B), hour;

	update_wait();
	d->second = cmos_read(RTC_SECOND);
	d->minute = cmos_read(RTC_MINUTE);
	hour = cmos_read(RTC_HOUR);
	d->day = cmos_read(RTC_DAY);
	d->month = cmos_read(RTC_MONTH);
	d->year = cmos_read(RTC_YEAR);
	d->hour = b & RTC_B_24H ? hour : hour & ~RTC_HOUR_PM;
	if (!(b & RTC_B_BINARY)) {
		d->second = from_bcd(d->second);
		d->minute = from_bcd(d->minute);
		d->hour = from_bcd(d->hour);
		d->day = from_bcd(d->day);
		d->month = from_bcd(d->month);
		d->year = from_bcd(d->year);
	}
	if (!(b & RTC_B_24H))
		d->hour = d->hour % 12 + (hour & RTC_HOUR_PM ? 12 : 0);
	d->year += 2000;
}

static bool date_sane(const struct rtc_date *d)
{
	return d->second < 60 && d->minute < 60 && d->hour < 24 && d->day >= 1 && d->day <= 31 &&
	       d->month >= 1 && d->month <= 12 && d->year < 2100;
}

/* Days counted in years that begin in March, so that the leap day comes last. */
int64_t rtc_unix_time(const struct rtc_date *d)
{
	int64_t y = (int64_t)d->year - (d->month < 3), m = (d->month + 9) % 12;
	int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d->day - 1;

	return ((days - 719468) * 24 + d->hour) * 3600 + d->minute * 60 + d->second;
}

/* Two readings that agree were not torn by an update. */
int64_t rtc_read(void)
{
	struct rtc_date d;
	int64_t t = -1, last;

	for (unsigned int i = 0; i < 5; i++) {
		last = t;
		date_read(&d);
		if (!date_sane(&d))
			return 0;
		t = rtc_unix_time(&d);
		if (t == last)
			break;
	}
	return t;
}
