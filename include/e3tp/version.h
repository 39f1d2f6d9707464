/* SPDX-License-Identifier: MIT */
/* Numbers only: release and ABI. meson reads them from here. */
#ifndef E3TP_VERSION_H
#define E3TP_VERSION_H

#define E3TP_VERSION_MAJOR 0
#define E3TP_VERSION_MINOR 1
#define E3TP_VERSION_PATCH 0
#define E3TP_ABI_VERSION 1

#endif
