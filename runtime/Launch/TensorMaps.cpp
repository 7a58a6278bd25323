// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes in rows, whatever the operand's elements are: a box is copied as it is.

#include "runtime/Launch/TensorMaps.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

static CUtensorMapSwizzle swizzleOf(int64_t bytes) {
  switch (bytes) {
  case 32:
    return CU_TENSOR_MAP_SWIZZLE_32B;
  case 64:
    return CU_TENSOR_MAP_SWIZZLE_64B;
  case 128:
    return CU_TENSOR_MAP_SWIZZLE_128B;
  default:
    return CU_TENSOR_MAP_SWIZZLE_NONE;
  }
}

MapShape MapShape::make(const TensorMap &map, const char *operand,
                        int64_t rowBytes) {
  return {operand, rowBytes, static_cast<uint32_t>(map.boxBytes),
          static_cast<uint32_t>(map.boxRows), map.swizzle};
}

Status MapShape::encode(const driver::Driver &api, const nybl_matrix &matrix,
                        int64_t rows, CUtensorMap &to) const {
  const cuuint64_t sizes[] = {cuuint64_t(rowBytes), cuuint64_t(rows)};
  const cuuint64_t strides[] = {cuuint64_t(matrix.row_stride)};
  const cuuint32_t box[] = {boxBytes, boxRows}, elementStrides[] = {1, 1};
  CUresult result = api.cuTensorMapEncodeTiled(
      &to, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2,
      reinterpret_cast<void *>(matrix.pointer), sizes, strides, box,
      elementStrides, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzleOf(swizzle),
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result == CUDA_SUCCESS)
    return Status::ok();
  return api.check(
      result, "cuTensorMapEncodeTiled",
      fmt::format("asked for the tensor map of {}: {} rows of {} bytes at a "
                  "stride of {} from {:#x}, in boxes of {} rows of {} bytes "
                  "with a swizzle of {}",
                  operand, rows, rowBytes, matrix.row_stride, matrix.pointer,
                  boxRows, boxBytes, swizzle));
}

size_t MapMemory::slotOf(const Key &key) {
  constexpr uint64_t spread = 0x9e3779b97f4a7c15; // 2^64 by the golden ratio
  return ((key.pointer ^ key.rows * spread) * spread) >> 61;
}

// Each word is read by an acquire and written by a release: what was read of a
// writer makes its odd version visible to the second look at the version.
bool MapMemory::find(const Key &key, CUtensorMap &to) const {
  const Slot &slot = slots[slotOf(key)];
  constexpr auto acquire = std::memory_order_acquire;
  uint64_t version = slot.version.load(acquire);
  if (version % 2 != 0 || slot.words[0].load(acquire) != key.pointer ||
      slot.words[1].load(acquire) != key.stride ||
      slot.words[2].load(acquire) != key.rows)
    return false;
  for (size_t i = 0; i < std::size(to.opaque); ++i)
    to.opaque[i] = slot.words[3 + i].load(acquire);
  return slot.version.load(std::memory_order_relaxed) == version;
}

void MapMemory::keep(const Key &key, const CUtensorMap &map) {
  Slot &slot = slots[slotOf(key)];
  constexpr auto release = std::memory_order_release;
  uint64_t version = slot.version.load(std::memory_order_relaxed);
  if (version % 2 != 0 || !slot.version.compare_exchange_strong(
                              version, version + 1, std::memory_order_acq_rel))
    return;
  slot.words[0].store(key.pointer, release);
  slot.words[1].store(key.stride, release);
  slot.words[2].store(key.rows, release);
  for (size_t i = 0; i < std::size(map.opaque); ++i)
    slot.words[3 + i].store(map.opaque[i], release);
  slot.version.store(version + 2, release);
}

Status nybl::launch::checkMapSupport(const driver::Driver &api,
                                     const Manifest &manifest) {
  if (manifest.tensorMaps.empty() || api.cuTensorMapEncodeTiled)
    return Status::ok();
  return Status::environment(fmt::format(
      "the driver library '{}' lacks cuTensorMapEncodeTiled, which kernel '{}' "
      "needs for its tensor maps: expected a driver of CUDA 12.8 or newer",
      api.path(), manifest.kernel));
}
