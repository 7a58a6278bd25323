/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * What Nybl's emulated CUDA driver offers beyond the CUDA driver API: marking
 * of poison, names for outputs, findings, counters. Every function is exported
 * by the emulated libcuda.so.1 under its own name; find it with dlsym, whose
 * null tells that the library at hand is a real driver.
 *
 * Poison: a byte that may be read and moved but must not reach a result. A
 * kernel that stores a value which depends on a poisoned byte, or lets one
 * steer an address, a branch or a guard, gets a finding, and its context the
 * error CUDA_ERROR_LAUNCH_FAILED.
 *
 * All functions are thread safe. Unless stated otherwise they return 0 (the
 * value of CUDA_SUCCESS) or a CUresult: CUDA_ERROR_NOT_INITIALIZED before
 * cuInit, CUDA_ERROR_INVALID_VALUE for a bad argument; nyblEmuLastMessage then
 * says what was expected and what came.
 */
#ifndef NYBL_EMU_H
#define NYBL_EMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1; raised when a function is added. Needs no cuInit. */
#define NYBL_EMU_VERSION 1
int nyblEmuVersion(void);

/* The calling thread's last refusal in words (of a cu or a nyblEmu function),
 * or an empty text; for refused PTX it has line and column. Valid until the
 * thread's next call. Needs no cuInit. */
const char *nyblEmuLastMessage(void);

/* Marks, or clears, `bytes` bytes of device memory from `address` on, after all
 * work queued so far in all contexts. The range must lie in one allocation.
 * Copies from the host and fills clear poison of the bytes they write; copies
 * within the device move it along. Contents do not change. */
int nyblEmuMarkPoison(uint64_t address, size_t bytes);
int nyblEmuClearPoison(uint64_t address, size_t bytes);

/* Gives an output a name, so that a finding says "d[3, 17]": element (r, c)
 * lies at address + r * rowStrideBytes + c * elementBytes. Forgotten when the
 * allocation is freed. */
int nyblEmuDeclareOutput(uint64_t address, const char *name, uint64_t rows,
                         uint64_t columns, uint64_t rowStrideBytes,
                         uint32_t elementBytes);

/* Findings of all launches that have ended, oldest first: how many; the text of
 * one in one line, cut to `size` bytes and always ended with 0; forgetting
 * them. Synchronise first to have those of queued launches. nyblEmuReportCount
 * is 0 before cuInit. */
size_t nyblEmuReportCount(void);
int nyblEmuReportText(size_t index, char *text, size_t size);
int nyblEmuClearReports(void);

/* Counts of the launch that ended last. `size` is sizeof(nyblEmuCounts) as the
 * caller knows it; fields may be appended, and only `size` bytes are written.
 */
typedef struct nyblEmuCounts {
  size_t size;
  uint64_t warpInstructions;
  uint64_t multiplies; /* mma instructions, one for a warp */
  uint64_t globalLoads, globalStores, sharedLoads, sharedStores;
} nyblEmuCounts;
int nyblEmuCounters(nyblEmuCounts *counts);

/* Clears the sticky error of the calling thread's current context, after all
 * its work: a test can go on after a wanted finding. A real driver has no such
 * thing.
 */
int nyblEmuResetContext(void);

/* Switches, for launches that start later, the finding of reads of memory never
 * written, and the following of poison: 0 off, 1 on. Accesses out of bounds are
 * always found. */
int nyblEmuSetChecks(int uninitialised, int poison);

#ifdef __cplusplus
}
#endif

#endif /* NYBL_EMU_H */
