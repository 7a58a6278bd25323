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
 * error CUDA_ERROR_LAUNCH_FAILED. What shfl.sync takes from a lane outside of
 * the member mask, or from one that has ended, counts as such.
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

/* 3; raised when a function is added. Needs no cuInit. */
#define NYBL_EMU_VERSION 3
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
  uint64_t bulkBytes, tensorBytes; /* of cp.async.bulk, and .tensor */
  /* From here on 0 unless nyblEmuSetCounting is on. Passes through the banks of
   * shared memory, and how few there could be; sectors of 32 bytes of global
   * memory that warps touched, and bytes of them that they used; the most bytes
   * on their way into the shared memory of one CTA. */
  uint64_t sharedWavefronts, idealWavefronts;
  uint64_t sectorsLoaded, sectorsStored, bytesLoaded, bytesStored;
  uint64_t mostBytesInFlight;
  /* Always: warp instructions by the warp's number within its CTA, so that
   * producers and consumers can be told apart; the last is of all from 31 on.
   */
  uint64_t warpInstructionsByWarp[32];
  /* Always: of bulkBytes and tensorBytes, those that came from global memory.
   */
  uint64_t asyncBytesLoaded;
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

/* In which order warps run and when asynchronous operations complete, for
 * launches that start later. Eager: as soon as they are issued. Lazy: when
 * nothing else can run; a dependent launch begins when the one ahead has ended.
 * Random: by `seed`, which replays a run exactly. Adversary: as late as those
 * who wait allow, warps backward. Random and adversary let some
 * mbarrier.try_wait come back with false. */
enum {
  NYBL_EMU_SCHEDULE_EAGER = 0,
  NYBL_EMU_SCHEDULE_LAZY = 1,
  NYBL_EMU_SCHEDULE_RANDOM = 2,
  NYBL_EMU_SCHEDULE_ADVERSARY = 3
};
int nyblEmuSetSchedule(int policy, uint64_t seed);

/* How the sums of mma are made, for launches that start later: as MMA-Sim
 * describes the hardware; one product after the other in f32; the same
 * backward; in a wide accumulator that is rounded once. */
enum {
  NYBL_EMU_NUMERICS_MMA_SIM = 0,
  NYBL_EMU_NUMERICS_SEQUENTIAL = 1,
  NYBL_EMU_NUMERICS_REVERSED = 2,
  NYBL_EMU_NUMERICS_WIDE = 3
};
int nyblEmuSetNumericModel(int model);

/* Finds accesses of shared and global memory that nothing orders, for launches
 * that start later; they run on one host thread. Tensor memory is not looked
 * at, nor are global bytes that asynchronous operations write. With
 * `strictFences` a proxy fence must be the storing thread's own. */
int nyblEmuSetRaces(int on, int strictFences);

/* Which orders that PTX does not promise are taken for granted, for launches
 * that start later: a sum of these bits, all of them unless told otherwise.
 * MMA_BEFORE_CP: operands of a tcgen05.mma in tensor memory are read before a
 * later tcgen05.cp or .mma of the same thread overwrites them.
 * USED_LOAD_IS_COMPLETE: a tcgen05.ld has read tensor memory once one of its
 * registers is used, without tcgen05.wait::ld. */
enum {
  NYBL_EMU_AXIOM_MMA_BEFORE_CP = 1,
  NYBL_EMU_AXIOM_USED_LOAD_IS_COMPLETE = 2
};
int nyblEmuSetAxioms(unsigned assumed);

/* Switches the counts that need every address, for launches that start later.
 */
int nyblEmuSetCounting(int on);

/* What each PTX instruction of the launch that ended last did, if it was
 * counted; in order of the text, those never executed left out. Wavefronts past
 * the ideal are bank conflicts; sectors * 32 - bytes was fetched in vain. The
 * text is cut to `size` bytes and always ended with 0. */
typedef struct nyblEmuHotspot {
  size_t size; /* sizeof(nyblEmuHotspot), as of nyblEmuCounts */
  uint64_t line;
  uint64_t executions; /* by warps */
  uint64_t wavefronts, idealWavefronts, sectors, bytes;
} nyblEmuHotspot;
size_t nyblEmuHotspotCount(void);
int nyblEmuHotspotRead(size_t index, nyblEmuHotspot *hotspot);
int nyblEmuHotspotText(size_t index, char *text, size_t size);

/* Labels tell which bytes of memory arrive where at the multiplies of a launch.
 * nyblEmuLabelBytes numbers units of `unitBytes` bytes (0: half bytes, the low
 * one first) firstLabel, firstLabel + 1 and so on; where ranges overlap the
 * later holds. nyblEmuSetLabels names the operands to record, for launches that
 * start later; 0: none. A launch then runs twice for each bit of the labels,
 * from copies of all device memory, and once as it is; no other work may run
 * meanwhile. Bytes keep their label through moves, shuffles and permutes within
 * a launch; what is computed from several is mixed. Small problems only: 2^24
 * slots at most. nyblEmuLabelRead gives the records of the launch traced last,
 * by CTA, warp and multiply; where there are none it is refused, and
 * nyblEmuLastMessage says why. Recorded are
 * mma.sync, wgmma.mma_async and tcgen05.mma. */
enum {
  NYBL_EMU_LABELS_A = 1,
  NYBL_EMU_LABELS_B = 2,
  NYBL_EMU_LABELS_SCALE_A = 4,
  NYBL_EMU_LABELS_SCALE_B = 8,
  NYBL_EMU_LABELS_C = 16
};
typedef struct nyblEmuLabel {
  size_t size;       /* sizeof(nyblEmuLabel), as of nyblEmuCounts */
  uint64_t cta;      /* linear, x fastest */
  uint64_t multiply; /* within the warp, from 0 */
  uint32_t warp;     /* within the CTA */
  uint32_t line;     /* of the PTX */
  uint32_t operand;  /* 0 A, 1 B, 2 scale of A, 3 scale of B, 4 C */
  /* Within one warp's multiply (one CTA's, of tcgen05.mma): row of A or C,
   * column of B; element along K, number of the scale along K, or column of C.
   */
  uint32_t row, k;
  uint32_t state; /* 0: not labelled, 1: `label`, 2: mixed */
  uint32_t label;
} nyblEmuLabel;
int nyblEmuLabelBytes(uint64_t address, size_t bytes, uint32_t firstLabel,
                      uint32_t unitBytes);
int nyblEmuClearLabels(void);
int nyblEmuSetLabels(unsigned operands);
size_t nyblEmuLabelCount(void);
int nyblEmuLabelRead(size_t index, nyblEmuLabel *label);

#ifdef __cplusplus
}
#endif

#endif /* NYBL_EMU_H */
