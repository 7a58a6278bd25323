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

Status nybl::launch::checkMapSupport(const driver::Driver &api,
                                     const Manifest &manifest) {
  if (manifest.tensorMaps.empty() || api.cuTensorMapEncodeTiled)
    return Status::ok();
  return Status::environment(fmt::format(
      "the driver library '{}' lacks cuTensorMapEncodeTiled, which kernel '{}' "
      "needs for its tensor maps: expected a driver of CUDA 12.8 or newer",
      api.path(), manifest.kernel));
}
