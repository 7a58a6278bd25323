// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies, fills and host functions.

#include "tools/emulator/Driver/Work.h"

#include "tools/emulator/Driver/Capture.h"
#include <cstring>

using namespace nybl::emu;

namespace {

struct Performer {
  State &s;

  CUresult operator()(const EmptyWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const RecordWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const WaitWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const ChildWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const KernelWork &w) { return performKernel(s, w); }

  CUresult operator()(const HostWork &w) {
    setInsideHostFunction(true);
    w.function(w.data);
    setInsideHostFunction(false);
    return CUDA_SUCCESS;
  }

  /// The shadow moves with the data. False where a range was freed meanwhile.
  bool move(const CopyEnd &to, const CopyEnd &from, uint64_t bytes) {
    if (to.isDevice)
      return from.isDevice ? s.memory.copy(to.address, from.address, bytes)
                           : s.memory.write(to.address, from.host(), bytes);
    if (from.isDevice)
      return s.memory.read(to.host(), from.address, bytes);
    std::memmove(to.host(), from.host(), bytes);
    return true;
  }

  CUresult operator()(const CopyWork &w) {
    CopyEnd from = w.from;
    if (w.staged)
      from.address = reinterpret_cast<uint64_t>(w.staged->data());
    for (uint64_t z = 0; z < w.depth; ++z)
      for (uint64_t y = 0; y < w.height; ++y) {
        CopyEnd rowTo = w.to, rowFrom = from;
        rowTo.address += z * w.to.slice + y * w.to.pitch;
        rowFrom.address += z * from.slice + y * from.pitch;
        if (!move(rowTo, rowFrom, w.width))
          return CUDA_ERROR_ILLEGAL_ADDRESS;
      }
    return CUDA_SUCCESS;
  }

  CUresult operator()(const FillWork &w) {
    for (uint64_t y = 0; y < w.height; ++y)
      if (!s.memory.fill(w.to + y * w.pitch, &w.value, w.elementBytes, w.width))
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    return CUDA_SUCCESS;
  }
};

} // namespace

Access nybl::emu::accessOf(const Work &work) {
  bool uses = std::holds_alternative<KernelWork>(work) ||
              std::holds_alternative<CopyWork>(work) ||
              std::holds_alternative<FillWork>(work);
  return uses ? Access::Memory : Access::None;
}

CUresult nybl::emu::performWork(State &s, const Work &work) {
  return std::visit(Performer{s}, work);
}

CUresult nybl::emu::enqueue(const Entry &entry, CUstream stream, Work work,
                            Mode mode) {
  StreamUse use = useStream(entry, stream);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  State &s = *entry.state;
  if (std::optional<CUresult> status = captureWork(s, use, work))
    return *status;
  CompletionRef end;
  if (auto *kernel = std::get_if<KernelWork>(&work)) {
    end = use.context->submit(
        *use.stream, makeLaunchWork(s, use.context, std::move(*kernel)));
  } else {
    Access access = accessOf(work);
    auto task = [&s, work = std::move(work)] { return performWork(s, work); };
    end = use.context->submit(*use.stream, std::move(task), access);
  }
  if (mode == Mode::Async)
    return CUDA_SUCCESS;
  end->wait();
  return answerOf(*use.context);
}
