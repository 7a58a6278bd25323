// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calls of nybl-emu.h about labels, and launches that are traced.

#include "tools/emulator/include/nybl-emu.h"

#include "tools/emulator/Driver/Work.h"

#include <algorithm>
#include <cstring>

using namespace nybl::emu;

int nyblEmuLabelBytes(uint64_t address, size_t bytes, uint32_t firstLabel,
                      uint32_t unitBytes) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (bytes == 0 || !entry.state->memory.find(address, bytes, nullptr))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "labels: expected " + std::to_string(bytes) + " bytes at " +
                      hex(address) + " within one live allocation");
  std::lock_guard lock(entry.state->mutex);
  entry.state->labelRequests.push_back({address, bytes, firstLabel, unitBytes});
  return CUDA_SUCCESS;
}

int nyblEmuClearLabels(void) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  std::lock_guard lock(entry.state->mutex);
  entry.state->labelRequests.clear();
  entry.state->labels.clear();
  entry.state->labelProblem.clear();
  return CUDA_SUCCESS;
}

int nyblEmuSetLabels(unsigned operands) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (operands & ~31u)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "labels: expected operands by NYBL_EMU_LABELS_, got " +
                      std::to_string(operands));
  std::lock_guard lock(entry.state->mutex);
  entry.state->labelOperands = operands;
  return CUDA_SUCCESS;
}

size_t nyblEmuLabelCount(void) {
  State *s = state();
  if (!s)
    return 0;
  std::lock_guard lock(s->mutex);
  return s->labels.size();
}

int nyblEmuLabelRead(size_t index, nyblEmuLabel *label) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!label || label->size < sizeof label->size)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "labels: expected `size` to be sizeof(nyblEmuLabel)");
  std::lock_guard lock(entry.state->mutex);
  const std::vector<LabelRecord> &labels = entry.state->labels;
  if (index >= labels.size())
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  entry.state->labelProblem.empty()
                      ? "labels: expected an index below " +
                            std::to_string(labels.size()) + ", got " +
                            std::to_string(index)
                      : entry.state->labelProblem);
  const LabelRecord &r = labels[index];
  nyblEmuLabel all = {std::min(label->size, sizeof all),
                      r.cta,
                      r.multiply,
                      r.warp,
                      r.line,
                      static_cast<uint32_t>(r.operand),
                      r.row,
                      r.k,
                      static_cast<uint32_t>(r.state),
                      r.label};
  std::memcpy(label, &all, all.size);
  return CUDA_SUCCESS;
}

bool nybl::emu::tracesLabels(State &s) {
  std::lock_guard lock(s.mutex);
  return s.labelOperands != 0;
}

LaunchResult nybl::emu::runLaunch(State &s, const KernelWork &work,
                                  const LaunchConfig &config) {
  const Program &program = *work.function->module->program;
  const KernelInfo &kernel = *work.function->kernel;
  const uint8_t *parameters = work.parameters.data();
  unsigned operands = 0;
  std::vector<LabelRequest> requests;
  {
    std::lock_guard lock(s.mutex);
    operands = s.labelOperands;
    requests = s.labelRequests;
  }
  if (!operands)
    return runKernel(program, kernel, config, parameters, s.memory);
  LabelTrace trace = traceLabels(program, kernel, config, parameters, s.memory,
                                 requests, operands);
  std::lock_guard lock(s.mutex);
  s.labels = std::move(trace.records);
  s.labelProblem = std::move(trace.problem);
  return std::move(trace.result);
}
