// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps: the limits that the driver API states, and the encoding of
// Device/TensorMap.h.

#include "tools/emulator/Driver/State.h"

#include "tools/emulator/Device/TensorMap.h"

using namespace nybl::emu;

static_assert(sizeof(CUtensorMap) == tensorMapBytes);

/// The types of 4 and 6 bits came with Blackwell.
static CUresult checkType(const Entry &entry, CUtensorMapDataType type) {
  if (type < CU_TENSOR_MAP_DATA_TYPE_16U4_ALIGN8B ||
      entry.state->settings.chip->major >= 10)
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "tensor map: " + std::string(entry.state->settings.chip->name) +
                    " has no element types of 4 and 6 bits");
}

static CUresult encode(const TensorMap &map, CUtensorMap *to) {
  if (std::string why = checkTensorMap(map); !why.empty())
    return refuse(CUDA_ERROR_INVALID_VALUE, why);
  encodeTensorMap(map, reinterpret_cast<uint8_t *>(to));
  return CUDA_SUCCESS;
}

static bool isAligned(const CUtensorMap *map) {
  return map && reinterpret_cast<uintptr_t>(map) % 64 == 0;
}

static CUresult refuseMap() {
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "tensor map: expected a place aligned to 64 bytes, and no null "
                "pointer among the arrays");
}

CUresult CUDAAPI cuTensorMapEncodeTiled(
    CUtensorMap *to, CUtensorMapDataType type, cuuint32_t rank, void *address,
    const cuuint64_t *dims, const cuuint64_t *strides, const cuuint32_t *box,
    const cuuint32_t *elementStrides, CUtensorMapInterleave interleave,
    CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2Promotion,
    CUtensorMapFloatOOBfill fill) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!isAligned(to) || !dims || !box || !elementStrides ||
      (rank > 1 && !strides))
    return refuseMap();
  bool known =
      unsigned(type) <= CU_TENSOR_MAP_DATA_TYPE_16U6_ALIGN16B && rank >= 1 &&
      rank <= TensorMap::maxRank &&
      unsigned(interleave) <= CU_TENSOR_MAP_INTERLEAVE_32B &&
      unsigned(swizzle) <= CU_TENSOR_MAP_SWIZZLE_128B_ATOM_64B &&
      unsigned(l2Promotion) <= CU_TENSOR_MAP_L2_PROMOTION_L2_256B &&
      unsigned(fill) <= CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
  if (!known)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "tensor map: expected rank 1 to 5 and values of the enums, "
                  "got rank " +
                      std::to_string(rank));
  if (CUresult status = checkType(entry, type))
    return status;
  TensorMap map;
  map.rank = rank;
  map.elementType = TensorElement(type);
  map.globalAddress = reinterpret_cast<uint64_t>(address);
  for (unsigned i = 0; i < rank; ++i) {
    map.dims[i] = dims[i];
    map.box[i] = box[i];
    if (elementStrides[i] > 8)
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    "tensor map: expected element strides of at most 8");
    map.elementStrides[i] = static_cast<uint16_t>(elementStrides[i]);
    if (i > 0)
      map.strides[i] = strides[i - 1];
  }
  map.interleave = TensorInterleave(interleave);
  map.swizzle = TensorSwizzle(swizzle);
  map.l2Promotion = static_cast<uint8_t>(l2Promotion);
  map.oobFill = TensorFill(fill);
  return encode(map, to);
}

CUresult CUDAAPI cuTensorMapReplaceAddress(CUtensorMap *map, void *address) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!isAligned(map))
    return refuseMap();
  auto decoded = decodeTensorMap(reinterpret_cast<const uint8_t *>(map));
  if (!decoded)
    return refuse(CUDA_ERROR_INVALID_VALUE, decoded.message());
  decoded->globalAddress = reinterpret_cast<uint64_t>(address);
  return encode(*decoded, map);
}

static CUresult refuseIm2col() {
  return refuse(CUDA_ERROR_NOT_SUPPORTED,
                "tensor map: the im2col modes are not supported by this "
                "emulated driver");
}

CUresult CUDAAPI cuTensorMapEncodeIm2col(
    CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *,
    const cuuint64_t *, const int *, const int *, cuuint32_t, cuuint32_t,
    const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
    CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  return refuseIm2col();
}

CUresult CUDAAPI cuTensorMapEncodeIm2colWide(
    CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *,
    const cuuint64_t *, int, int, cuuint32_t, cuuint32_t, const cuuint32_t *,
    CUtensorMapInterleave, CUtensorMapIm2ColWideMode, CUtensorMapSwizzle,
    CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  return refuseIm2col();
}
