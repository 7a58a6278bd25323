/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Nybl's C interface: 4-bit block-scaled matrix products on NVIDIA GPUs.
 *
 *   library -> device -> plan -> launch, launch, launch ...
 *
 * Conventions that hold for every call:
 *   Structs   Every struct with a `size` field is set to zero first, and then
 *             size = sizeof(the struct). Fields are only ever appended; zero is
 *             the default. A struct of an older header is accepted; one of a
 *             newer header only if what this library does not know is zero.
 *             Structs without `size` are frozen.
 *   Errors    The status says the kind, nybl_last_error() the whole sentence:
 *             what was expected, what came, where, what to do. No call throws,
 *             aborts or exits. Outputs are set to null first, and only then.
 *   Threads   Every call may be made from any thread at any time, also on the
 *             same object, except that an object may not be destroyed while
 *             another thread uses it.
 *   Context   Work is done in the device's primary context, which is pushed and
 *             popped: the caller's current context is the same after each call.
 *   Owners    Handles are reference counted inside: they may be destroyed in
 *             any order. Device memory, streams and the workspace are always
 *             the caller's; Nybl allocates none for a launch.
 *   Fork      A child that was forked off a process with an open device cannot
 *             use CUDA: there calls that need a device are ENVIRONMENT, and
 *             destroying a handle does nothing. Fork first, or call exec.
 *   Units     Sizes, strides and offsets are bytes unless said otherwise;
 *             rows, M, N and K are counts of elements.
 */
#ifndef NYBL_NYBL_H
#define NYBL_NYBL_H

#include <stddef.h>
#include <stdint.h>

#if defined(NYBL_BUILDING_LIBRARY)
#define NYBL_API __attribute__((visibility("default")))
#else
#define NYBL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define NYBL_VERSION_MAJOR 0
#define NYBL_VERSION_MINOR 1
#define NYBL_VERSION_PATCH 0

typedef enum nybl_status {
  NYBL_OK = 0,
  NYBL_INVALID = 1, /* malformed, or states something impossible */
  NYBL_REFUSED = 2, /* well formed, but a precondition or a check says no */
  NYBL_ENVIRONMENT =
      3,             /* a driver, tool, file or resource is missing or failed */
  NYBL_UNPROVEN = 4, /* no complete certificate, and nobody allowed that */
  NYBL_NOT_FOUND = 5 /* no kernel, and no compiler to make one */
} nybl_status;

typedef struct nybl_library nybl_library;
typedef struct nybl_device nybl_device;
typedef struct nybl_plan nybl_plan;

/* "0.1.0". Static. */
NYBL_API const char *nybl_version(void);

/* "NYBL_REFUSED"; a number that is no status gives "NYBL_?". Static. */
NYBL_API const char *nybl_status_name(int status);

/* The sentence of the last call on this thread that did not return NYBL_OK;
   empty if there was none. Valid until the next such call on this thread. */
NYBL_API const char *nybl_last_error(void);

/* ------------------------------------------------------------- library --- */

typedef enum nybl_log_level {
  NYBL_LOG_ERROR = 1,
  NYBL_LOG_WARNING = 2,
  NYBL_LOG_INFO = 3
} nybl_log_level;

/* `message` is one line without its newline, valid during the call. Called from
   the thread that made the call, and from those of nybl_prepare_start, perhaps
   several at a time; by a launch only where its plan is checked
   (nybl_prepare_options.check, NYBL_CHECK). Must not call Nybl. `user` must
   outlive the library and every device, plan and preparation made from it. */
typedef void (*nybl_log_callback)(void *user, nybl_log_level level,
                                  const char *message);

/* In which process kernels are compiled. */
typedef enum nybl_compile {
  /* NYBL_COMPILE in the environment ("child", "inprocess"); without that a
     child, and where none can be started, which the log then says, this one. */
  NYBL_COMPILE_DEFAULT = 0,
  /* One of its own for each compilation: one that aborts, or takes too long,
     is an error of that call and of no other (or a kernel of a wider class
     serves: exact_class). No wait() of this process meets it, and no SIGCHLD
     tells of it, unless this process adopts orphans, as the first of a
     container does. docs/runtime.md. */
  NYBL_COMPILE_CHILD = 1,
  /* This one. What ends the compiler ends the process. */
  NYBL_COMPILE_IN_PROCESS = 2
} nybl_compile;

typedef struct nybl_library_options {
  size_t size;
  /* Path of the compiler, libnybl_jit.so. Null: the environment's NYBL_JIT;
     without that, libnybl_jit.so beside this library. It is loaded at the first
     kernel that must be compiled: by the process that compiles (`compile`), or,
     where that is this one, here, and then never unloaded. */
  const char *jit_path;
  nybl_log_callback log; /* null: silent */
  void *log_user;
  /* Bundles (`nybl bundle`), separated by ':'. Kernels are looked for in them,
     in this order, before all else. Null: none. Read whole at once. */
  const char *bundle_path;
  /* Folders of the cache of compiled kernels, separated by ':': the first is
     written to, all are read. "": no cache. Null: NYBL_CACHE, NYBL_CACHE_PATH,
     XDG_CACHE_HOME and HOME decide. What is wrong with the cache is logged, and
     never an error. docs/runtime.md. */
  const char *cache_path;
  /* A bundle in memory, as one linked into a program; looked in before those
     of bundle_path. Copied. At most 2^31 bytes. Null: none. */
  const void *bundle_data;
  size_t bundle_bytes;
  /* A tune file (`nybl tune`). Where a problem is prepared without a schedule
     and a template, and the file has kernels of its class timed on such a GPU,
     the best of them is taken, if it is still the very kernel that was timed.
     "": none. Null: NYBL_TUNE. Read whole at once. docs/tuning.md. */
  const char *tune_path;
  uint32_t compile; /* nybl_compile */
  /* The most that a child process may take for a kernel; it is ended then. 0:
     NYBL_COMPILE_SECONDS; without that 300. */
  uint32_t compile_seconds;
} nybl_library_options;

/* options may be null (all defaults). Reads bundles and tune file; loads no
   compiler and touches no device. Errors: INVALID (also what the environment
   says); ENVIRONMENT (a bundle or the tune file cannot be read).
 */
NYBL_API nybl_status nybl_library_create(const nybl_library_options *options,
                                         nybl_library **library);
NYBL_API void nybl_library_destroy(nybl_library *library); /* null: nothing */

/* -------------------------------------------------------------- device --- */

typedef struct nybl_device_options {
  size_t size;
  /* Path of the CUDA driver library. Null: the real libcuda.so.1. An emulated
     driver is used only when its path is given here. */
  const char *driver_path;
  int32_t ordinal; /* as cuDeviceGet takes it */
} nybl_device_options;

/* Loads the driver, retains the device's primary context. options may be null.
   May not be called under stream capture.
   Errors: INVALID; ENVIRONMENT (no driver, a symbol or the device is missing).
 */
NYBL_API nybl_status nybl_device_open(nybl_library *library,
                                      const nybl_device_options *options,
                                      nybl_device **device);
NYBL_API void nybl_device_destroy(nybl_device *device); /* null: nothing */

/* "sm_120a": what kernels for this device are compiled for. Valid while the
   device is. Null gives an empty string. */
NYBL_API const char *nybl_device_chip(const nybl_device *device);

/* ---------------------------------------------------------------- plan --- */

typedef struct nybl_prepare_options {
  size_t size;
  const char *schedule;      /* "key=value ..."; null: chosen */
  const char *template_text; /* a kernel in the Tile dialect; null: built in;
                                empty: an error */
  const char *dump_dir;    /* the compiler's numbered dumps, of a compilation of
                              its own; null: none */
  const char *ptxas;       /* path of ptxas; null: found by the compiler */
  uint32_t allow_unproven; /* 1: accept a certificate with unproven lemmas */
  uint32_t verify_each;    /* 1: the compiler's verifier after every pass */
  /* 1: every launch of the plan is looked at, as NYBL_CHECK=1 in the
     environment does for all plans: NaN scale bytes, zero scales with data that
     is not zero, alpha that is not finite and elements of D that are not finite
     are counted on the device, and logged as warnings (to standard error where
     there is no log) with problem, row and K block; of a quantisation elements
     of x that are not finite, and a global scale that cannot be used; of what
     undoes it NaN scale bytes, zero scales, that global scale and elements of y
     that are not finite. Such a launch allocates and waits for its
     stream; under capture it is not looked at, and the log says so.
     NYBL_CHECK_DUMP=FOLDER writes what was found to a file there, as
     nybl_dump_launch does. */
  uint32_t check;
  uint32_t reserved; /* 0 */
  /* 1: a kernel of the problem's own class of M or none. 0: where that cannot
     be had for want of a compiler, or of what a compiler needs, or because its
     process ended before it had a kernel, the kernel of a
     wider class that is there serves, or else the generic one of any n and k
     (`generic`); the log says so as a warning, and each later call looks for
     its own again. */
  uint32_t exact_class;
  uint32_t reserved_2; /* 0 */
  /* 1: the plan has a kernel for each class of M that its range meets (up to
     16, 32, 64 and 128 rows, and more), and a launch takes that of its m. They
     are prepared one after the other, so a plan of m=? that nobody has made
     before takes five times as long, and five kernels' memory: that is why 0
     is the default, one kernel for the whole range, whatever else there is.
     Where the kernel for the most rows can be had and one for fewer cannot (no
     compiler, and not in the bundle), the next wider of the plan serves, and
     the log says so once, as a warning; with exact_class that is an error. May
     not be given with dump_dir. A quantisation has one class. */
  uint32_t all_classes;
  uint32_t reserved_3; /* 0 */
  /* 1: the generic kernel of the gemm ("m=? n=? k=?", which bundles carry),
     made for any n and k of the operands' formats and layouts: right, and
     slower than one of the problem's own. 0: it serves only where none of those
     can be had. A quantisation has none. */
  uint32_t generic;
  uint32_t reserved_4; /* 0 */
} nybl_prepare_options;

/* Makes one problem launchable: takes its kernel from a bundle (that of the
   chip, else that of its family: sm_100f for sm_100a and sm_103a, sm_120f for
   sm_120a and sm_121a), from the cache, or compiles it for the chip, if this
   device has not done so yet (once per problem class, schedule and template,
   however many threads ask), loads the module, reads the occupancy. Takes from
   milliseconds to seconds. One kernel serves all rows of the range, or with
   all_classes one for each class of M.
   May not be called under stream capture; runs no device work.
     problem  "gemm m=? n=4096 k=7168 sfa=128x4 sfb=128x4 d=bf16 alpha=tensor":
              D[M,N] = alpha * A[M,K] * B[N,K]^T. The range of m is the plan's.
              weights=static: docs/trust.md. n and k are numbers: n=? k=? is
              no product, but the class of the generic kernel. Or
              "quantize ...": nybl_quantize; "dequantize ...": nybl_dequantize.
     options  may be null.
   n = 0 gives a plan without a kernel, and needs no compiler.
   Errors: INVALID (problem, schedule, template), REFUSED (the chip lacks a
   feature, or the compiler refutes the kernel), ENVIRONMENT, UNPROVEN (the
   message lists the lemmas), NOT_FOUND (in no bundle, and no compiler; the
   message has the command that makes a bundle). */
NYBL_API nybl_status nybl_prepare(nybl_device *device, const char *problem,
                                  const nybl_prepare_options *options,
                                  nybl_plan **plan);
NYBL_API void nybl_plan_destroy(nybl_plan *plan); /* null: nothing. Launches of
                            the plan must have finished on the device. */

/* Many problems, prepared on threads of the library's own. */
typedef struct nybl_preparation nybl_preparation;

/* Begins to prepare `count` problems, in their order, and returns. Options are
   for all of them (may be null). `threads` is how many are prepared at a time
   (0: one). All strings are copied, and the device may be destroyed meanwhile.
   As with nybl_prepare a kernel is compiled once, whoever asks for it. What is
   wrong with a problem is said by nybl_prepare_take. While it goes on, no
   thread of the process may capture a stream in the mode "global".
   Errors: INVALID (null, a struct's size); ENVIRONMENT (no thread). */
NYBL_API nybl_status nybl_prepare_start(nybl_device *device,
                                        const char *const *problems,
                                        size_t count,
                                        const nybl_prepare_options *options,
                                        uint32_t threads,
                                        nybl_preparation **preparation);

/* Waits until all are done, well or not, or `milliseconds` have passed (0: only
   looks; negative: as long as it takes). *done (may be null) becomes how many
   are. Errors: INVALID (null). */
NYBL_API nybl_status nybl_prepare_wait(nybl_preparation *preparation,
                                       int64_t milliseconds, size_t *done);

/* What nybl_prepare would have given for problem `index`, counted from 0; waits
   for it. The plan is the caller's from then on, as if nybl_prepare had made
   it, and outlives the preparation. Errors: as nybl_prepare; INVALID (null, no
   such index, the plan was taken before). */
NYBL_API nybl_status nybl_prepare_take(nybl_preparation *preparation,
                                       size_t index, nybl_plan **plan);

/* May be called at any time: problems that nobody has begun are dropped, those
   begun are waited for, and plans that nobody took are destroyed. Null:
   nothing. */
NYBL_API void nybl_preparation_destroy(nybl_preparation *preparation);

/* Strings live as long as the plan; empty where the plan has no kernel. Of a
   plan with several kernels (all_classes) nybl_plan_info gives origin and
   fingerprint of all of them (origins that differ, separated by "; "), and
   everything else of the kernel for the most rows. */
typedef struct nybl_plan_details {
  size_t size;
  const char *manifest_json; /* launch recipe, preconditions, certificate */
  const char *phases_json;   /* [{"phase": "...", "ms": 1.5}, ...]; the times of
                                the compile and load that made this kernel */
  const char *problem_class; /* the problem line that was compiled */
  uint32_t has_kernel;
  uint32_t ptx_fallback;  /* 1: the driver compiled the PTX itself: it refused
                             the cubin (no binary for this GPU), or there was
                             no ptxas to make one */
  uint32_t resident_ctas; /* per multiprocessor */
  uint32_t multiprocessors;
  /* Who made the kernel in this process: "compiler", "cache", or "bundle" and
     its path ("in memory": bundle_data); ", for sm_100f" where a bundle had it
     for the chip's family alone; and ", for '...'" with the class that the
     kernel is of, where none for as few rows was to be had; that of any n and k
     has " (generic fallback)" behind it. */
  const char *origin;
  /* SHA-256 over the kernel's manifest, PTX and cubin: processes whose plans
     have the same run the same kernel. */
  const char *fingerprint;
  /* Why the tune file chose the kernel: "measured, ..." or "estimated, ...";
     empty where it did not. */
  const char *tuned;
  uint32_t kernels;  /* of the plan */
  uint32_t reserved; /* 0 */
  int64_t m_max;     /* the most rows that the kernel is launched with;
                        INT64_MAX: any number */
} nybl_plan_details;

/* Set details->size; the rest is filled in as far as size reaches.
   Errors: INVALID. */
NYBL_API nybl_status nybl_plan_info(const nybl_plan *plan,
                                    nybl_plan_details *details);

/* The same of the one kernel that a launch of `m` rows takes. The kernels of a
   plan, one after the other: begin with the least m, go on with m_max + 1.
   Errors: INVALID; REFUSED (m outside the plan's range). */
NYBL_API nybl_status nybl_plan_class_info(const nybl_plan *plan, int64_t m,
                                          nybl_plan_details *details);

/* The bytes of workspace that a launch of `m` rows needs; 0 for most plans.
   More rows never need fewer, so that of the largest m serves all. Kernels with
   split=N in their schedule add up the parts of a tile in it.
     - All its bytes must be zero when a launch begins, and are zero again when
       it is over: set it to zero once, and pass it to one launch after the
       other, of this plan or of others, also of those that need none.
     - It belongs to one launch at a time: launches that may run at the same
       time (on two streams) need one each.
     - Two such launches that may run at the same time are on streams of one
       priority: of two priorities the one's CTAs may hold the room that the
       other's need, and both wait for ever.
     - After a launch that failed on the device, set it to zero again.
     - All CTAs of such a launch must find room on the device at once, as they
       do unless something that never ends holds multiprocessors. It is a
       cooperative launch: one that can never have the room is refused by the
       driver (ENVIRONMENT), and waits for nothing.
   Errors: INVALID (null); REFUSED (m outside the plan's range). */
NYBL_API nybl_status nybl_plan_workspace(const nybl_plan *plan, int64_t m,
                                         uint64_t *bytes);

/* -------------------------------------------------------------- launch --- */

/* A row-major matrix in device memory. Row r starts at pointer + r *
   row_stride. Operand rows by columns, bytes of a row: a  M x K, K / 2: e2m1,
   two a byte, the even element in the low nibble b  N x K, K / 2: the same d  M
   x N, N * 2 (bf16, f16) or N * 4 (f32)
   What pointer and row_stride must be multiples of is the kernel's to say: 8
   bytes for a and b and one element for d, or 16 bytes for each of them that it
   copies or stores by a tensor map (TMA). The manifest lists it ("alignment",
   "stride_multiple"), and a launch refuses what does not fit. */
typedef struct nybl_matrix {
  uint64_t pointer;   /* CUdeviceptr */
  uint64_t bytes;     /* of the matrix, from `pointer` on */
  int64_t row_stride; /* bytes; at least the bytes of a row */
} nybl_matrix;

/* r = row, c = K block (16 elements of K), C = K / 16. */
typedef enum nybl_scale_layout {
  NYBL_LAYOUT_LINEAR = 1, /* r * C + c */
  NYBL_LAYOUT_128X4 = 2,  /* ((r/128) * ceil(C/4) + c/4) * 512 + (r%32) * 16
                             + (r%128)/32 * 4 + c%4 */
  NYBL_LAYOUT_8X4 = 3     /* ((r/8) * ceil(C/4) + c/4) * 32 + (r%8) * 4 + c%4 */
} nybl_scale_layout;

/* Scale factors, one ue4m3 byte per row and K block. What the padding holds
   never matters.
   The tag `layout` must be the layout the problem states. A buffer labelled
   with the wrong layout gives wrong numbers that nothing can detect later, so:
     - bytes must be the layout's size for rows_allocated rows, else refused;
     - where another layout has that very size too, the size proves nothing, and
       the launch is refused unless trust_layout is 1. It says: whoever wrote
       these bytes said which layout they are in. Nybl's own producers set it;
       who passes a raw pointer answers for it. */
typedef struct nybl_scales {
  uint64_t pointer; /* CUdeviceptr */
  uint64_t bytes;   /* of the tensor with its padding, not of the memory it
                       was allocated in */
  int64_t rows_allocated; /* real rows the tensor was made for; at least the
                             rows used (M for a, N for b). 128 for a 5-row
                             activation quantised into a 128-row buffer */
  uint32_t layout;        /* nybl_scale_layout */
  uint32_t trust_layout;  /* 0 or 1 */
} nybl_scales;

typedef enum nybl_scalar_kind {
  NYBL_SCALAR_NONE = 0,   /* the problem has none */
  NYBL_SCALAR_DEVICE = 1, /* one f32 in device memory, read by the kernel */
  NYBL_SCALAR_HOST = 2    /* `value`, copied at launch */
} nybl_scalar_kind;

/* For a global scale with amax the tensor's largest magnitude:
   decode = amax / 2688 (one multiplies by it), encode = 2688 / amax (one
   divides by it). 0 is neither: there is no default. */
typedef enum nybl_convention {
  NYBL_CONVENTION_DECODE = 1,
  NYBL_CONVENTION_ENCODE = 2
} nybl_convention;

/* alpha and all global scales. A host value that is NaN, infinite, zero, or so
   small that its reciprocal is infinite is refused. A device value is not
   looked at: the kernel uses whatever it reads. */
typedef struct nybl_scalar {
  uint32_t kind;       /* nybl_scalar_kind */
  uint32_t convention; /* nybl_convention; alpha = value, or 1 / value */
  uint64_t pointer;    /* CUdeviceptr, 4-byte aligned; kind DEVICE */
  float value;         /* kind HOST */
  uint32_t reserved;   /* 0 */
} nybl_scalar;

/* `flags` of a launch. */
typedef enum nybl_launch_flags {
  /* The grid may begin while the one before it on the stream is still running
     (CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION): as soon as that
     one allows it, as all kernels of Nybl do when nobody of them has anything
     left to load, else when it ends. It waits before it touches an operand, so
     results are the same; what it gains is its start, and with weights=static
     its first copies of B. Refused where the kernel's certificate does not say
     that it waits (L7). Legal under stream capture. */
  NYBL_LAUNCH_DEPENDENT = 1
} nybl_launch_flags;

typedef struct nybl_gemm_args {
  size_t size;
  int64_t m; /* rows of A and D; within the plan's range of m */
  nybl_matrix a;
  nybl_scales a_scales;
  nybl_matrix b;
  nybl_scales b_scales;
  nybl_matrix d; /* output; overlaps no input */
  nybl_scalar alpha;
  void *stream;       /* CUstream of the device's primary context; null: the
                         legacy default stream */
  uint64_t workspace; /* CUdeviceptr, a multiple of 128; where the plan needs
                         none (nybl_plan_workspace) 0, or one that is there for
                         other launches: it is not touched */
  uint64_t workspace_bytes;
  uint64_t flags; /* nybl_launch_flags; what is not known is refused */
} nybl_gemm_args;

/* Checks every precondition of the kernel's certificate, then enqueues one
   kernel on `stream` and returns. Never compiles, loads, locks or synchronises,
   never allocates when it succeeds, and is legal under stream capture: what is
   captured are the arguments (tensor maps are made of them at the launch, and
   those of earlier launches used again), so the buffers must outlive the graph.
   m = 0 or n = 0 launches nothing and succeeds (a negative m, or one outside
   the plan's range, is still refused); D is not touched. Ordering: as any
   kernel on that stream. Memory must be usable by the device until the work has
   finished. Errors: INVALID (a struct's size), REFUSED (a precondition),
   ENVIRONMENT (the driver refused the launch; an earlier asynchronous error may
   appear here). */
NYBL_API nybl_status nybl_launch(const nybl_plan *plan,
                                 const nybl_gemm_args *args);

/* Writes the operands of a launch (not D) to a safetensors file, for `nybl run
   PROBLEM --in FILE` to replay on any device, the emulated one with all its
   checks among them. Waits for the stream; may not be called under capture.
   Errors: as nybl_launch; REFUSED also where m or n is 0, since nothing would
   be launched; ENVIRONMENT (the file). */
NYBL_API nybl_status nybl_dump_launch(const nybl_plan *plan,
                                      const nybl_gemm_args *args,
                                      const char *path);

/* ------------------------------------------------------------- why not --- */

/* Where nybl_why_not writes: a text with one line for each reason, as
   "NYBL_REFUSED: a.pointer: expected ...\n", cut off where it does not fit,
   and always ended by a NUL if there is room for one. */
typedef struct nybl_reasons {
  size_t size;
  char *text;        /* in: the caller's; null: only counted */
  size_t text_bytes; /* in: of it */
  size_t needed;     /* out: bytes of the whole text with its NUL */
  uint32_t count;    /* out: reasons; 0: nothing stands in the way */
  uint32_t reserved; /* 0 */
} nybl_reasons;

/* Every reason, not the first alone, why nybl_prepare of these would fail, and
   with `args` (may be null) why a launch of the plan would: each bad word of
   the line, each bad option; else what keeps the kernel from being had (chip,
   compiler, bundle); else lemmas that nobody has proven, a driver that is too
   old, too much shared memory, no room for one CTA on a multiprocessor,
   preconditions that are not understood, and each pointer, stride, size, layout
   and scalar of `args` that the kernel's preconditions refuse. What cannot be
   told without a kernel is left out where there is none. A kernel that a tune
   file would choose is not looked at.
   Takes as long as nybl_prepare; keeps nothing but what the cache does. May not
   be called under stream capture. Errors: INVALID (null, a struct's size): then
   needed and count are 0 and the text is empty. Reasons are no errors. */
NYBL_API nybl_status nybl_why_not(nybl_device *device, const char *problem,
                                  const nybl_prepare_options *options,
                                  const nybl_gemm_args *args,
                                  nybl_reasons *reasons);

/* ------------------------------------------------------------ quantise --- */

/* Of a plan that was prepared for a quantisation:
     "quantize m=? k=7168 x=bf16 q=nvfp4 sf=128x4 global=encode math=exact
      pad=none fuse=none":
   q[M,K] and one scale factor for each 16 columns are made of x[M,K], with the
   global scale E = 2688 / amax (global=decode: 1 / E; none: E is 1).
     x         M x K, K * 2 (bf16, f16) or K * 4 (f32) bytes a row; with
               fuse=silu_mul M x 2K: K gates in each row and behind them K
               numbers that they open, and silu(gate) * number is quantised
     q         M x K, K / 2 bytes a row: as nybl_gemm_args.a
     q_scales  in the layout that the problem states. Scale factors of padding K
               blocks become 0, as do those of padding rows up to the layout's
               next tile with pad=rows; without it padding rows are not touched.
               trust_layout means nothing here.
     global    of the convention that the problem states, else refused */
typedef struct nybl_quantize_args {
  size_t size;
  int64_t m; /* rows; within the plan's range of m */
  nybl_matrix x;
  nybl_matrix q;        /* output; overlaps no other operand */
  nybl_scales q_scales; /* output; overlaps no other operand */
  nybl_scalar global;
  void *stream;   /* as in nybl_gemm_args */
  uint64_t flags; /* as in nybl_gemm_args */
} nybl_quantize_args;

/* As nybl_launch, for a quantisation. `made`, if not null, becomes q_scales
   with trust_layout = 1 when the launch succeeds, since who wrote it knows its
   layout: pass it on as a_scales or b_scales. Otherwise it becomes all zeros.
   Errors: as nybl_launch; INVALID also where the plan is no quantisation. */
NYBL_API nybl_status nybl_quantize(const nybl_plan *plan,
                                   const nybl_quantize_args *args,
                                   nybl_scales *made);

/* nybl_why_not, with the arguments of a quantisation (may be null). */
NYBL_API nybl_status nybl_why_not_quantize(nybl_device *device,
                                           const char *problem,
                                           const nybl_prepare_options *options,
                                           const nybl_quantize_args *args,
                                           nybl_reasons *reasons);

/* nybl_dump_launch, of the operands of a quantisation: x and global. */
NYBL_API nybl_status nybl_dump_quantize(const nybl_plan *plan,
                                        const nybl_quantize_args *args,
                                        const char *path);

/* Of a plan that was prepared for
     "dequantize m=? k=7168 q=nvfp4 sf=128x4 y=bf16 global=decode":
   y[M,K] = code * scale factor * G, rounded once to f32 and once to y's type,
   with G the tensor's decode scale amax / 2688 (global=encode: given as 1 / G;
   none: G is 1).
     q         M x K, K / 2 bytes a row: as nybl_gemm_args.a
     q_scales  in the layout that the problem states: as a_scales there,
               trust_layout included
     y         M x K, K * 2 (bf16, f16) or K * 4 (f32) bytes a row; output,
               overlaps no other operand
     global    of the convention that the problem states, else refused */
typedef struct nybl_dequantize_args {
  size_t size;
  int64_t m; /* rows; within the plan's range of m */
  nybl_matrix q;
  nybl_scales q_scales;
  nybl_matrix y; /* output */
  nybl_scalar global;
  void *stream;   /* as in nybl_gemm_args */
  uint64_t flags; /* as in nybl_gemm_args */
} nybl_dequantize_args;

/* As nybl_launch, for a plan of "dequantize ...".
   Errors: as nybl_launch; INVALID also where the plan is of another
   operation. */
NYBL_API nybl_status nybl_dequantize(const nybl_plan *plan,
                                     const nybl_dequantize_args *args);

/* nybl_why_not, with the arguments of what undoes a quantisation (may be null).
 */
NYBL_API nybl_status nybl_why_not_dequantize(
    nybl_device *device, const char *problem,
    const nybl_prepare_options *options, const nybl_dequantize_args *args,
    nybl_reasons *reasons);

/* nybl_dump_launch, of the operands of what undoes a quantisation: q, its scale
   factors and global. */
NYBL_API nybl_status nybl_dump_dequantize(const nybl_plan *plan,
                                          const nybl_dequantize_args *args,
                                          const char *path);

#ifdef __cplusplus
}
#endif

#endif /* NYBL_NYBL_H */
