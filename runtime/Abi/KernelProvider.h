// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The wall between runtime and compiler: a C interface that libnybl_jit exports
// and the runtime looks up by dlopen. Plain C so that the two sides may be
// built by different compilers; magic and version are checked before anything
// else.
#ifndef NYBL_RUNTIME_ABI_KERNELPROVIDER_H
#define NYBL_RUNTIME_ABI_KERNELPROVIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NYBL_KERNEL_PROVIDER_MAGIC 0x4e59424cu /* "NYBL" */
#define NYBL_KERNEL_PROVIDER_VERSION 6u
#define NYBL_KERNEL_PROVIDER_SYMBOL "nybl_kernel_provider"

/* Bytes owned by the provider; released by release_result. Text is not
   NUL-terminated unless said so. */
typedef struct NyblBytes {
  const char *data;
  size_t size;
} NyblBytes;

/* All strings are NUL-terminated UTF-8; null means "not given". */
typedef struct NyblCompileRequest {
  size_t size;               /* sizeof(NyblCompileRequest) */
  const char *problem;       /* problem line; specialised by the provider */
  const char *chip;          /* full chip name with suffix: "sm_120a" */
  const char *schedule;      /* "key=value ..." or null: chosen by Select */
  const char *template_text; /* a kernel in the Tile dialect or null: built in;
                                an empty text is an error */
  const char *cta_text;      /* a cta.kernel, as the stage "cta" gives it, or
                                null; not together with schedule or
                                template_text */
  const char *emit;          /* blockscale|tile|cta|certificate|llvm|ptx|cubin|
                                manifest: where to stop, and what `text`
                                returns; null is cubin. "ptx" makes no cubin,
                                "certificate" no PTX; both give a manifest */
  const char *dump_dir;      /* numbered dumps after each phase, or null */
  const char *ptxas;         /* path of ptxas or null: found by the provider */
  const char *ptxas_version; /* "13.0.88", which that ptxas has told whoever
                                asks, or null: the provider has it tell. Only
                                together with ptxas. The cubin must not say
                                another one */
  int verify_each;           /* verifier after every pass */
  int keep_refuted;          /* compile a refuted kernel all the same, with a
                                certificate of unproven lemmas: to be looked at,
                                never to be used */
} NyblCompileRequest;

/* Codes are those of nybl::ErrorCode in order: 0 ok, 1 invalid, 2 refused,
   3 environment, 4 unproven, 5 not found. */
typedef struct NyblCompileResult {
  size_t size;
  int code;
  NyblBytes message;  /* one sentence when code is not 0 */
  NyblBytes text;     /* the IR or text of the `emit` stage */
  NyblBytes manifest; /* JSON, runtime/Abi/Manifest.h */
  NyblBytes ptx;      /* followed by one NUL that size does not count */
  NyblBytes cubin;    /* empty when no ptxas ran */
  NyblBytes phases;   /* JSON array of {"phase": name, "ms": number}; when code
                         is not 0, those until then */
  /* When a lemma is refuted, what refutes it, as a JSON object: lemma, operand,
     m, tile, k_step, thread, row, byte; null: of no matter. Rows and bytes are
     the access's: row * stride + byte of a matrix, byte of a scale tensor.
     Empty otherwise. */
  NyblBytes counterexample;
  void *owner; /* the provider's own */
} NyblCompileResult;

/* What the kernel of a problem would cost: estimates, nothing is compiled. */
typedef struct NyblExplainRequest {
  size_t size;          /* sizeof(NyblExplainRequest) */
  const char *problem;  /* problem line */
  const char *chip;     /* full chip name with suffix */
  const char *card;     /* as "rtx-5090", or null: the chip's reference */
  const char *schedule; /* "key=value ..." or null: chosen by Select */
  const int64_t *m;     /* rows of A, or null: the problem's, or some */
} NyblExplainRequest;

typedef struct NyblExplainResult {
  size_t size;
  int code;          /* as of NyblCompileResult */
  NyblBytes message; /* one sentence when code is not 0 */
  /* A JSON object: problem, chip, card (name, multiprocessors, clock_mhz,
     l2_bytes, l2_bytes_per_cycle, memory_mb_per_second, peak_tflops), selection
     (what is taken where no schedule is asked for: class, schedule, why, rows
     it was chosen for, shortlist of schedule, estimate_us and bound, the best
     first), forced (a schedule was asked for), launches: for each M an object
     of m, chosen, if_m_is_named (the schedule that a line with this m gets),
     place (of the chosen one among the candidates, 1 is best; null: it is none
     of them), candidates (how many), best (the first of them). Of a schedule:
     schedule, estimate_us, tflops, of_peak, bound, resources (name, us),
     tensor_cycles, issue_cycles, shared_wavefronts (all three of the busiest
     multiprocessor), l2_bytes, memory_bytes, tiles, ctas_at_a_time, waves,
     last_wave_fill, multiprocessors_busy, bytes_in_flight (on each of them).
     Of what quantises, or undoes it: problem, chip, selection (class, schedule,
     why), forced, tile (rows, columns, threads, blocks_per_thread), launches:
     for each M an object of m, tiles, read_bytes, written_bytes,
     instructions_per_tile (of warps), and cards: for the card that was asked
     about, or all of the chip, an object of name, memory_mb_per_second,
     estimate_us and bound (memory, issue or latency). */
  NyblBytes json;
  void *owner; /* the provider's own */
} NyblExplainResult;

/* The schedules that the kernel of a problem may have, the best first by the
   estimate: what tuning chooses from. Nothing is compiled. */
typedef struct NyblCandidatesRequest {
  size_t size;         /* sizeof(NyblCandidatesRequest) */
  const char *problem; /* problem line */
  const char *chip;    /* full chip name with suffix */
  const char *card;    /* as "rtx-5090", or null: the chip's reference */
  int64_t m;           /* rows of A that the estimates are of; > 0 */
  size_t most;         /* how many are wanted at most; 0: all */
} NyblCandidatesRequest;

typedef struct NyblCandidatesResult {
  size_t size;
  int code;          /* as of NyblCompileResult */
  NyblBytes message; /* one sentence when code is not 0 */
  /* "nybl candidates 1", a newline, and a JSON object: problem (the class),
     chip, card, m, total (before `most` was applied), candidates: objects of
     schedule, estimate_us, bound, resources (name, us). Another first line is
     another version. */
  NyblBytes text;
  void *owner; /* the provider's own */
} NyblCandidatesResult;

#define NYBL_CANDIDATES_HEADER "nybl candidates 1"

typedef struct NyblKernelProvider {
  uint32_t magic, version;
  size_t size;
  /* Thread safe. Fills *result (whose size is set by the caller) and returns
     its code; the result is released by the caller in every case. */
  int (*compile)(const NyblCompileRequest *request, NyblCompileResult *result);
  void (*release_result)(NyblCompileResult *result);
  /* "nybl 0.1.0, LLVM 22.1.8, sources 0a1b...": what stands in the
     fingerprint. Static. */
  const char *(*describe)(void);
  /* As compile and release_result. */
  int (*explain)(const NyblExplainRequest *request, NyblExplainResult *result);
  void (*release_explanation)(NyblExplainResult *result);
  /* As compile and release_result. */
  int (*candidates)(const NyblCandidatesRequest *request,
                    NyblCandidatesResult *result);
  void (*release_candidates)(NyblCandidatesResult *result);
} NyblKernelProvider;

/* The one symbol that libnybl_jit exports. */
typedef const NyblKernelProvider *(*NyblKernelProviderEntry)(void);

/* An ELF note in the library's file holds what `describe` returns, so that a
   kernel can be looked up before the library, and LLVM with it, is loaded.
   `text` is a string literal. */
#define NYBL_FINGERPRINT_NOTE_NAME "Nybl"
#define NYBL_FINGERPRINT_NOTE_TYPE 1
#define NYBL_FINGERPRINT_NOTE(text)                                            \
  __asm__(".pushsection .note.nybl, \"a\", %note\n"                            \
          ".balign 4\n"                                                        \
          ".long 2f - 1f, 4f - 3f, 1\n"                                        \
          "1: .asciz \"" NYBL_FINGERPRINT_NOTE_NAME "\"\n"                     \
          "2: .balign 4\n"                                                     \
          "3: .ascii \"" text "\"\n"                                           \
          "4: .balign 4\n"                                                     \
          ".popsection\n")

#ifdef __cplusplus
}
#endif

#endif /* NYBL_RUNTIME_ABI_KERNELPROVIDER_H */
