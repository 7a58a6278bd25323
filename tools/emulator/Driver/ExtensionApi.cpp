// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calls of nybl-emu.h.

#include "tools/emulator/include/nybl-emu.h"

#include "tools/emulator/Driver/State.h"

#include <algorithm>
#include <cstring>

using namespace nybl::emu;

static_assert(int(SchedulePolicy::Adversary) == NYBL_EMU_SCHEDULE_ADVERSARY);
static_assert(int(NumericModel::Wide) == NYBL_EMU_NUMERICS_WIDE);

int nyblEmuVersion(void) { return NYBL_EMU_VERSION; }

const char *nyblEmuLastMessage(void) { return lastMessage().c_str(); }

static void synchronizeAll(State &s) {
  for (const std::shared_ptr<Context> &context : s.contexts.all())
    context->synchronize();
}

static int setPoison(uint64_t address, size_t bytes, bool on) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  synchronizeAll(*entry.state);
  auto use = entry.state->memory.useAlone();
  if (entry.state->memory.setPoison(address, bytes, on))
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "poison: expected " + std::to_string(bytes) + " bytes at " +
                    hex(address) + " within one live allocation");
}

int nyblEmuMarkPoison(uint64_t address, size_t bytes) {
  return setPoison(address, bytes, true);
}

int nyblEmuClearPoison(uint64_t address, size_t bytes) {
  return setPoison(address, bytes, false);
}

int nyblEmuDeclareOutput(uint64_t address, const char *name, uint64_t rows,
                         uint64_t columns, uint64_t rowStrideBytes,
                         uint32_t elementBytes) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  uint64_t row = 0, bytes = 0;
  bool sane = name && rows > 0 && columns > 0 && elementBytes > 0 &&
              !__builtin_mul_overflow(columns, elementBytes, &row) &&
              rowStrideBytes >= row &&
              !__builtin_mul_overflow(rows - 1, rowStrideBytes, &bytes) &&
              !__builtin_add_overflow(bytes, row, &bytes);
  if (!sane)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "output: expected a name, at least one row, column and byte "
                  "an element, and a row stride of at least columns * "
                  "elementBytes");
  Report report;
  if (!entry.state->memory.find(address, bytes, &report))
    return refuse(CUDA_ERROR_INVALID_VALUE, "output '" + std::string(name) +
                                                "' at " + hex(address) + ": " +
                                                report.message);
  entry.state->memory.declareOutput(address, name, rows, columns,
                                    rowStrideBytes, elementBytes);
  return CUDA_SUCCESS;
}

size_t nyblEmuReportCount(void) {
  State *s = state();
  return s ? s->findings.count() : 0;
}

int nyblEmuReportText(size_t index, char *text, size_t size) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  std::string line;
  if (!text || size == 0 || !entry.state->findings.text(index, line))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "report: expected an index below " +
                      std::to_string(entry.state->findings.count()) +
                      " and room for the text, got index " +
                      std::to_string(index));
  size_t kept = std::min(line.size(), size - 1);
  std::memcpy(text, line.data(), kept);
  text[kept] = 0;
  return CUDA_SUCCESS;
}

int nyblEmuClearReports(void) {
  Entry entry = enterDriver();
  if (entry.status == CUDA_SUCCESS)
    entry.state->findings.clear();
  return entry.status;
}

int nyblEmuResetContext(void) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  entry.context->synchronize();
  entry.context->clearError();
  return CUDA_SUCCESS;
}

int nyblEmuSetChecks(int uninitialised, int poison) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if ((uninitialised | poison) & ~1)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "checks: expected 0 or 1 for each, got " +
                      std::to_string(uninitialised) + " and " +
                      std::to_string(poison));
  entry.state->checks = uninitialised != 0;
  entry.state->poison = poison != 0;
  return CUDA_SUCCESS;
}

int nyblEmuSetSchedule(int policy, uint64_t seed) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (policy < NYBL_EMU_SCHEDULE_EAGER || policy > NYBL_EMU_SCHEDULE_ADVERSARY)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "schedule: expected a policy of 0 to 3, got " +
                      std::to_string(policy));
  entry.state->policy = SchedulePolicy(policy);
  entry.state->seed = seed;
  return CUDA_SUCCESS;
}

int nyblEmuSetNumericModel(int model) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (model < NYBL_EMU_NUMERICS_MMA_SIM || model > NYBL_EMU_NUMERICS_WIDE)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "numeric model: expected 0 to 3, got " +
                      std::to_string(model));
  entry.state->numerics = NumericModel(model);
  return CUDA_SUCCESS;
}

int nyblEmuSetAxioms(unsigned assumed) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  constexpr unsigned all =
      NYBL_EMU_AXIOM_MMA_BEFORE_CP | NYBL_EMU_AXIOM_USED_LOAD_IS_COMPLETE;
  if (assumed & ~all)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "axioms: expected a sum of NYBL_EMU_AXIOM_ bits, at most " +
                      std::to_string(all) + ", got " + std::to_string(assumed));
  entry.state->axioms = assumed;
  return CUDA_SUCCESS;
}

int nyblEmuSetRaces(int on, int strictFences) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if ((on | strictFences) & ~1)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "races: expected 0 or 1 for each, got " + std::to_string(on) +
                      " and " + std::to_string(strictFences));
  entry.state->races = on != 0;
  entry.state->strictProxyFence = strictFences != 0;
  return CUDA_SUCCESS;
}
