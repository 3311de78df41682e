/* SPDX-License-Identifier: MIT */
/* States of the two ends of a device, their nodes `state` in the directory: the ABI's numbers. */
#ifndef XENO_PUBLIC_IO_XENBUS_H
#define XENO_PUBLIC_IO_XENBUS_H

enum xenbus_state {
	XenbusStateUnknown = 0,
	XenbusStateInitialising = 1,
	XenbusStateInitWait = 2,
	XenbusStateInitialised = 3,
	XenbusStateConnected = 4,
	XenbusStateClosing = 5,
	XenbusStateClosed = 6,
};

#endif
