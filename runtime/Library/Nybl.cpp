// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C functions of nybl.h: check the handles and sizes, call, keep the error.

#include "runtime/Library/Fork.h"
#include "runtime/Library/Preparation.h"
#include "runtime/Library/Sized.h"

using namespace nybl;
using namespace nybl::library;

namespace {

std::string &lastError() {
  static thread_local std::string text;
  return text;
}

nybl_status fail(const Status &status) {
  lastError() = status.message();
  return static_cast<nybl_status>(status.code());
}

nybl_status failNull(const char *function, const char *argument) {
  return fail(Status::invalid(
      fmt::format("{}: expected '{}', got null", function, argument)));
}

/// In a forked child what is behind a handle is the parent's, and left alone.
template <typename Handle>
void destroy(Handle *handle) {
  if (!isForked())
    delete handle;
}

static_assert(NYBL_INVALID == static_cast<int>(ErrorCode::Invalid) &&
              NYBL_REFUSED == static_cast<int>(ErrorCode::Refused) &&
              NYBL_ENVIRONMENT == static_cast<int>(ErrorCode::Environment) &&
              NYBL_UNPROVEN == static_cast<int>(ErrorCode::Unproven) &&
              NYBL_NOT_FOUND == static_cast<int>(ErrorCode::NotFound));
static_assert(NYBL_LAYOUT_LINEAR == static_cast<int>(ScaleLayout::Linear) &&
              NYBL_LAYOUT_128X4 == static_cast<int>(ScaleLayout::T128x4) &&
              NYBL_LAYOUT_8X4 == static_cast<int>(ScaleLayout::T8x4));

Status readOptions(const nybl_prepare_options *options,
                   nybl_prepare_options &to) {
  // The first release ended here.
  constexpr size_t least =
      offsetof(nybl_prepare_options, verify_each) + sizeof(uint32_t);
  return readSized(options, least, "nybl_prepare_options", to);
}

Status readArgs(const nybl_gemm_args *args, nybl_gemm_args &to) {
  return readSized(args, offsetof(nybl_gemm_args, flags), "nybl_gemm_args", to);
}

Status readArgs(const nybl_quantize_args *args, nybl_quantize_args &to) {
  return readSized(args, offsetof(nybl_quantize_args, flags),
                   "nybl_quantize_args", to);
}

Status readArgs(const nybl_dequantize_args *args, nybl_dequantize_args &to) {
  return readSized(args, sizeof to, "nybl_dequantize_args", to);
}

/// What says "nothing" where the call ends early.
void clear(nybl_reasons &reasons) {
  reasons.needed = 0;
  reasons.count = 0;
  if (reasons.text && reasons.text_bytes != 0)
    reasons.text[0] = '\0';
}

void write(const std::vector<Status> &all, nybl_reasons &reasons) {
  std::string text;
  for (const Status &reason : all)
    text += fmt::format("{}: {}\n",
                        nybl_status_name(static_cast<int>(reason.code())),
                        reason.message());
  reasons.count = static_cast<uint32_t>(all.size());
  reasons.needed = text.size() + 1;
  if (!reasons.text || reasons.text_bytes == 0)
    return;
  size_t size = std::min(text.size(), reasons.text_bytes - 1);
  std::memcpy(reasons.text, text.data(), size);
  reasons.text[size] = '\0';
}

/// `copy` becomes *args, and `launch` points to it where there are any.
template <typename Args>
nybl_status whyNotOf(const char *function, nybl_device *device,
                     const char *problem, const nybl_prepare_options *options,
                     const Args *args, Args &copy, const LaunchArgs &launch,
                     nybl_reasons *reasons) {
  if (!reasons)
    return failNull(function, "reasons");
  nybl_reasons known;
  if (Status status = readSized(reasons, sizeof known, "nybl_reasons", known);
      !status)
    return fail(status);
  clear(known);
  writeSized(known, reasons);
  if (!device || !problem)
    return failNull(function, device ? "problem" : "device");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  nybl_prepare_options wanted;
  Status optionsRead = readOptions(options, wanted);
  Status argsRead = readArgs(args, copy);
  for (const Status &status : {optionsRead, argsRead})
    if (!status)
      return fail(status);
  write(whyNot(device->object, problem, wanted, launch), known);
  writeSized(known, reasons);
  return NYBL_OK;
}

template <typename Args>
nybl_status dumpOf(const char *function, const nybl_plan *plan,
                   const Args *args, const char *path) {
  if (!plan || !args || !path)
    return failNull(function, !plan ? "plan" : !args ? "args" : "path");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  Args copy;
  if (Status status = readArgs(args, copy); !status)
    return fail(status);
  if (Status status = dumpLaunch(*plan->object, copy, path); !status)
    return fail(status);
  return NYBL_OK;
}

} // namespace

const char *nybl_version(void) { return NYBL_VERSION_STRING; }

const char *nybl_status_name(int status) {
  switch (status) {
  case NYBL_OK:
    return "NYBL_OK";
  case NYBL_INVALID:
    return "NYBL_INVALID";
  case NYBL_REFUSED:
    return "NYBL_REFUSED";
  case NYBL_ENVIRONMENT:
    return "NYBL_ENVIRONMENT";
  case NYBL_UNPROVEN:
    return "NYBL_UNPROVEN";
  case NYBL_NOT_FOUND:
    return "NYBL_NOT_FOUND";
  }
  return "NYBL_?";
}

const char *nybl_last_error(void) { return lastError().c_str(); }

nybl_status nybl_library_create(const nybl_library_options *options,
                                nybl_library **library) {
  if (!library)
    return failNull("nybl_library_create", "library");
  *library = nullptr;
  // The first release ended here.
  constexpr size_t leastOptions =
      offsetof(nybl_library_options, log_user) + sizeof(void *);
  nybl_library_options copy;
  if (Status status =
          readSized(options, leastOptions, "nybl_library_options", copy);
      !status)
    return fail(status);
  auto object = openLibrary(copy);
  if (!object)
    return fail(object.status());
  *library = new nybl_library{std::move(*object)};
  return NYBL_OK;
}

void nybl_library_destroy(nybl_library *library) { destroy(library); }

nybl_status nybl_device_open(nybl_library *library,
                             const nybl_device_options *options,
                             nybl_device **device) {
  if (!device)
    return failNull("nybl_device_open", "device");
  *device = nullptr;
  if (!library)
    return failNull("nybl_device_open", "library");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  nybl_device_options copy;
  if (Status status =
          readSized(options, sizeof copy, "nybl_device_options", copy);
      !status)
    return fail(status);
  watchForks();
  auto api = driver::Driver::open(copy.driver_path ? copy.driver_path : "");
  if (!api)
    return fail(api.status());
  auto gpu = driver::Device::open(*api, copy.ordinal);
  if (!gpu)
    return fail(gpu.status());
  auto object = std::make_shared<Device>();
  object->library = library->object;
  object->gpu = *gpu;
  object->library->log(
      NYBL_LOG_INFO, fmt::format("opened {} ({}) through '{}'", (*gpu)->name(),
                                 (*gpu)->chip(), (*api)->path()));
  *device = new nybl_device{std::move(object)};
  return NYBL_OK;
}

void nybl_device_destroy(nybl_device *device) { destroy(device); }

const char *nybl_device_chip(const nybl_device *device) {
  return device ? device->object->gpu->chip().c_str() : "";
}

nybl_status nybl_prepare(nybl_device *device, const char *problem,
                         const nybl_prepare_options *options,
                         nybl_plan **plan) {
  if (!plan)
    return failNull("nybl_prepare", "plan");
  *plan = nullptr;
  if (!device || !problem)
    return failNull("nybl_prepare", device ? "problem" : "device");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  nybl_prepare_options copy;
  if (Status status = readOptions(options, copy); !status)
    return fail(status);
  auto object = prepare(device->object, problem, copy);
  if (!object)
    return fail(object.status());
  *plan = new nybl_plan{std::move(*object)};
  return NYBL_OK;
}

void nybl_plan_destroy(nybl_plan *plan) { destroy(plan); }

nybl_status nybl_plan_info(const nybl_plan *plan, nybl_plan_details *details) {
  if (!plan || !details)
    return failNull("nybl_plan_info", plan ? "details" : "plan");
  if (Status status = checkSize(*details, sizeof(size_t), "nybl_plan_details");
      !status)
    return fail(status);
  writeSized(detailsOf(*plan->object), details);
  return NYBL_OK;
}

nybl_status nybl_plan_class_info(const nybl_plan *plan, int64_t m,
                                 nybl_plan_details *details) {
  if (!plan || !details)
    return failNull("nybl_plan_class_info", plan ? "details" : "plan");
  for (Status status :
       {checkSize(*details, sizeof(size_t), "nybl_plan_details"),
        checkRows(*plan->object, m)})
    if (!status)
      return fail(status);
  const PlanKernel *one = plan->object->kernelFor(m);
  writeSized(one ? detailsOf(*plan->object, *one) : detailsOf(*plan->object),
             details);
  return NYBL_OK;
}

nybl_status nybl_plan_workspace(const nybl_plan *plan, int64_t m,
                                uint64_t *bytes) {
  if (!plan || !bytes)
    return failNull("nybl_plan_workspace", plan ? "bytes" : "plan");
  *bytes = 0;
  auto needed = workspaceBytes(*plan->object, m);
  if (!needed)
    return fail(needed.status());
  *bytes = *needed;
  return NYBL_OK;
}

nybl_status nybl_prepare_start(nybl_device *device, const char *const *problems,
                               size_t count,
                               const nybl_prepare_options *options,
                               uint32_t threads,
                               nybl_preparation **preparation) {
  if (!preparation)
    return failNull("nybl_prepare_start", "preparation");
  *preparation = nullptr;
  if (!device || (!problems && count > 0))
    return failNull("nybl_prepare_start", device ? "problems" : "device");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  std::vector<std::string> lines;
  for (size_t i = 0; i < count; ++i) {
    if (!problems[i])
      return failNull("nybl_prepare_start", "a problem");
    lines.emplace_back(problems[i]);
  }
  nybl_prepare_options copy;
  if (Status status = readOptions(options, copy); !status)
    return fail(status);
  auto object =
      Preparation::start(device->object, std::move(lines), copy, threads);
  if (!object)
    return fail(object.status());
  *preparation = new nybl_preparation{std::move(*object)};
  return NYBL_OK;
}

nybl_status nybl_prepare_wait(nybl_preparation *preparation,
                              int64_t milliseconds, size_t *done) {
  if (done)
    *done = 0;
  if (!preparation)
    return failNull("nybl_prepare_wait", "preparation");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  size_t count = preparation->object->wait(milliseconds);
  if (done)
    *done = count;
  return NYBL_OK;
}

nybl_status nybl_prepare_take(nybl_preparation *preparation, size_t index,
                              nybl_plan **plan) {
  if (!plan)
    return failNull("nybl_prepare_take", "plan");
  *plan = nullptr;
  if (!preparation)
    return failNull("nybl_prepare_take", "preparation");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  auto object = preparation->object->take(index);
  if (!object)
    return fail(object.status());
  *plan = new nybl_plan{std::move(*object)};
  return NYBL_OK;
}

void nybl_preparation_destroy(nybl_preparation *preparation) {
  destroy(preparation);
}

nybl_status nybl_why_not(nybl_device *device, const char *problem,
                         const nybl_prepare_options *options,
                         const nybl_gemm_args *args, nybl_reasons *reasons) {
  nybl_gemm_args copy;
  return whyNotOf("nybl_why_not", device, problem, options, args, copy,
                  {.gemm = args ? &copy : nullptr}, reasons);
}

nybl_status nybl_why_not_quantize(nybl_device *device, const char *problem,
                                  const nybl_prepare_options *options,
                                  const nybl_quantize_args *args,
                                  nybl_reasons *reasons) {
  nybl_quantize_args copy;
  return whyNotOf("nybl_why_not_quantize", device, problem, options, args, copy,
                  {.quantize = args ? &copy : nullptr}, reasons);
}

nybl_status nybl_why_not_dequantize(nybl_device *device, const char *problem,
                                    const nybl_prepare_options *options,
                                    const nybl_dequantize_args *args,
                                    nybl_reasons *reasons) {
  nybl_dequantize_args copy;
  return whyNotOf("nybl_why_not_dequantize", device, problem, options, args,
                  copy, {.dequantize = args ? &copy : nullptr}, reasons);
}

nybl_status nybl_quantize(const nybl_plan *plan, const nybl_quantize_args *args,
                          nybl_scales *made) {
  if (made)
    *made = {};
  if (!plan || !args)
    return failNull("nybl_quantize", plan ? "args" : "plan");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  nybl_quantize_args copy;
  if (Status status = readArgs(args, copy); !status)
    return fail(status);
  if (Status status = enqueue(*plan->object, copy); !status)
    return fail(status);
  if (made) {
    *made = copy.q_scales;
    made->trust_layout = 1;
  }
  return NYBL_OK;
}

nybl_status nybl_dequantize(const nybl_plan *plan,
                            const nybl_dequantize_args *args) {
  if (!plan || !args)
    return failNull("nybl_dequantize", plan ? "args" : "plan");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  nybl_dequantize_args copy;
  if (Status status = readArgs(args, copy); !status)
    return fail(status);
  if (Status status = enqueue(*plan->object, copy); !status)
    return fail(status);
  return NYBL_OK;
}

nybl_status nybl_launch(const nybl_plan *plan, const nybl_gemm_args *args) {
  if (!plan || !args)
    return failNull("nybl_launch", plan ? "args" : "plan");
  if (Status status = checkNotForked(); !status)
    return fail(status);
  nybl_gemm_args copy;
  if (Status status = readArgs(args, copy); !status)
    return fail(status);
  if (Status status = enqueue(*plan->object, copy); !status)
    return fail(status);
  return NYBL_OK;
}

nybl_status nybl_dump_launch(const nybl_plan *plan, const nybl_gemm_args *args,
                             const char *path) {
  return dumpOf("nybl_dump_launch", plan, args, path);
}

nybl_status nybl_dump_quantize(const nybl_plan *plan,
                               const nybl_quantize_args *args,
                               const char *path) {
  return dumpOf("nybl_dump_quantize", plan, args, path);
}

nybl_status nybl_dump_dequantize(const nybl_plan *plan,
                                 const nybl_dequantize_args *args,
                                 const char *path) {
  return dumpOf("nybl_dump_dequantize", plan, args, path);
}
