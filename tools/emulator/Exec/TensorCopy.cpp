// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk.tensor and cp.reduce.async.bulk.tensor: boxes of tensors that a
// tensor map describes, between global and shared memory (PTX ISA 9.1
// §9.7.9.27).

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/CopyOperands.h"
#include "tools/emulator/Exec/TensorBox.h"
#include <cstring>

using namespace nybl::emu;

namespace {

/// Places of the operands in the list.
enum : unsigned { Map, Shared, Barrier, Mask, Coordinates };

/// Instr::mode: reductions' ReduceOp. Instr::flag: reduces. Instr::isSigned:
/// the barrier may be the other CTA's of a pair. Instr::imm: coordinates.
/// Instr::offset: 1 gathers (scatters) rows.

/// A tensor map lies in global memory, a constant or a parameter, and is not
/// made of marked bytes.
bool mapIsSound(Warp &w, unsigned lane, uint64_t address, const Place &place) {
  bool marked = false;
  bool steers = place.shadow && w.cta.config.poison && !w.cta.config.recorder;
  for (unsigned i = 0; steers && i < 64; ++i)
    marked |= (place.shadow[i] & shadow::poison) != 0;
  if (marked)
    w.report(FindingKind::PoisonSteers, lane, address,
             "a marked byte is part of a tensor map");
  else if (place.space == MemorySpace::Shared ||
           place.space == MemorySpace::Local)
    w.report(FindingKind::AsyncMisuse, lane, address,
             "expected a tensor map in global memory, a constant or a "
             "parameter");
  else
    return true;
  return false;
}

bool readMap(Warp &w, const Instr &in, unsigned lane, TensorMap &map) {
  uint64_t address = copyOperand(w, in, Map, lane);
  Place place = resolveRange(w, MemorySpace::Generic, lane, address, 64, 64);
  if (!place.data || !checkInitialised(w, place, lane, address, 64) ||
      !mapIsSound(w, lane, address, place))
    return false;
  Expected<TensorMap> decoded = decodeTensorMap(place.data);
  std::string problem = decoded ? checkTensorMap(*decoded) : decoded.message();
  if (problem.empty() && decoded->interleave != TensorInterleave::None)
    problem = "the emulator knows tensor maps without interleave only";
  unsigned rank = in.offset ? 2 : static_cast<unsigned>(in.imm);
  if (problem.empty() && decoded->rank != rank)
    problem = "the instruction is for rank " + std::to_string(rank) +
              ", the map has " + std::to_string(decoded->rank);
  if (!problem.empty()) {
    w.report(FindingKind::AsyncMisuse, lane, address, problem);
    return false;
  }
  map = *decoded;
  return true;
}

/// Element types that cp.reduce.async.bulk.tensor has (PTX ISA 9.1
/// §9.7.9.27.1.3).
bool reducesElements(ReduceOp op, TensorElement element) {
  using E = TensorElement;
  bool single = element == E::F32 || element == E::F32Ftz;
  bool half = element == E::F16 || element == E::Bf16;
  bool word = element == E::U32 || element == E::S32;
  bool wide = element == E::U64 || element == E::S64;
  switch (op) {
  case ReduceOp::Add:
    return word || single || half || element == E::U64;
  case ReduceOp::Min:
  case ReduceOp::Max:
    return word || wide || half;
  case ReduceOp::Increment:
  case ReduceOp::Decrement:
    return element == E::U32;
  default:
    return word || wide;
  }
}

/// What a map that is sound in itself does not allow here (§9.7.9.27.1.1,
/// §5.5.3.4), or an empty text.
std::string restriction(const Warp &w, const Instr &in, const TensorMap &map,
                        const std::vector<int32_t> &coordinates) {
  bool narrow = map.elementType >= TensorElement::U4Align8;
  if (w.kernel.chip->major == 12 && in.space == MemorySpace::SharedCluster &&
      (narrow || map.swizzle > TensorSwizzle::Bytes128))
    return "elements below a byte and atoms of swizzles need .shared::cta as "
           "the destination on this chip";
  if (in.offset && map.box[1] != 1)
    return "gathered and scattered rows need a map whose box has one row, this "
           "one's has " +
           std::to_string(map.box[1]);
  if (in.space != MemorySpace::Global)
    return "";
  if (map.elementType > TensorElement::U4Align8)
    return "elements with gaps cannot be stored"; // b6p2x16: not known
  if (in.flag &&
      !reducesElements(static_cast<ReduceOp>(in.mode), map.elementType))
    return "the reduction does not fit the element type of the map";
  for (int32_t c : coordinates)
    if (c < 0 && !in.offset)
      return "the box of a store must start at coordinates that are not "
             "negative, got " +
             std::to_string(c);
  return "";
}

bool readBox(Warp &w, const Instr &in, unsigned lane, TensorBox &box) {
  TensorMap map;
  if (!readMap(w, in, lane, map))
    return false;
  std::vector<int32_t> coordinates;
  for (unsigned i = 0; i < in.imm; ++i)
    coordinates.push_back(
        static_cast<int32_t>(copyOperand(w, in, Coordinates + i, lane)));
  std::string problem = restriction(w, in, map, coordinates);
  if (!problem.empty()) {
    w.report(FindingKind::AsyncMisuse, lane, map.globalAddress, problem);
    return false;
  }
  return layOutBox(w, lane, map, coordinates, in.offset != 0, box);
}

/// Shared memory of the box; no data: reported.
Place sharedPlace(Warp &w, const Instr &in, MemorySpace space, unsigned lane,
                  const TensorBox &box) {
  uint64_t address = copyOperand(w, in, Shared, lane);
  Place place = resolveRange(w, space, lane, address, box.sharedBytes, 128);
  if (place.data && !checkNoMbarrier(w, place, lane, address, box.sharedBytes))
    return {};
  return place;
}

std::vector<GlobalRange> rowsOf(const TensorBox &box) {
  std::vector<GlobalRange> rows;
  for (const BoxRow &row : box.rows)
    if (row.bytes)
      rows.push_back({row.address, row.data, row.bytes});
  return rows;
}

void load(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    auto box = std::make_shared<TensorBox>();
    if (!readBox(w, in, lane, *box))
      return;
    Place to = sharedPlace(w, in, in.space, lane, *box);
    Place barrier =
        to.data ? resolveMbarrier(w, in, in.space, Barrier, lane) : Place();
    if (!barrier.data)
      return;
    w.counters.tensorBytes += box->tensorBytes;
    w.counters.asyncBytesLoaded += box->tensorBytes;
    for (const Receiver &r :
         receiversOf(w, in, Mask, in.isSigned, to, barrier, lane)) {
      AsyncOp op;
      op.what = "cp.async.bulk.tensor";
      op.writes = {{r.cta, to.offset, box->sharedBytes}};
      if (w.races)
        op.globalReads = rowsOf(*box);
      op.signals = r.signals;
      op.signalOffset = barrier.offset;
      op.complete = [box, cta = r.cta, start = to.offset](const AsyncOp &self) {
        fillBox(*box, *cta, start);
        self.completeTransactions(box->transactionBytes);
      };
      w.cta.cluster.async.issue(w, lane, std::move(op));
    }
  });
}

/// The parts of a box that lie in the tensor, on their way out, row by row.
struct Outgoing {
  std::vector<CopiedBytes> rows;

  void take(const TensorBox &box, Cta &cta, uint32_t start) {
    for (const BoxRow &row : box.rows) {
      CopiedBytes &bytes = rows.emplace_back();
      for (uint32_t i = 0; i < row.bytes; ++i) {
        uint32_t from = box.place(start, row, row.before + i);
        bytes.data.push_back(cta.shared[from]);
        bytes.shadow.push_back(cta.sharedShadow[from] &
                               (shadow::poison | shadow::initialised));
      }
    }
  }
};

Reduction reductionOf(const TensorBox &box, uint8_t op) {
  static constexpr Type types[] = {Type::U8,  Type::U16,  Type::U32, Type::S32,
                                   Type::U64, Type::S64,  Type::F16, Type::F32,
                                   Type::F64, Type::BF16, Type::F32, Type::F32,
                                   Type::F32, Type::U8,   Type::U8,  Type::U8};
  Reduction r;
  r.op = static_cast<ReduceOp>(op);
  r.type = types[static_cast<unsigned>(box.element)];
  r.flush = box.element == TensorElement::F32Ftz;
  return r;
}

void writeRow(const AsyncOp &self, const BoxRow &row,
              const CopiedBytes &bytes) {
  auto count = static_cast<uint32_t>(bytes.data.size());
  if (!checkMayReachGlobal(self, row.address, bytes.shadow.data(), count))
    return;
  std::memcpy(row.data, bytes.data.data(), count);
  std::memcpy(row.shadow, bytes.shadow.data(), count);
}

void store(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    auto box = std::make_shared<TensorBox>();
    if (!readBox(w, in, lane, *box))
      return;
    if (box->isConstant)
      return w.report(FindingKind::OutOfBounds, lane, box->rows[0].address,
                      "constant memory cannot be written");
    Place from = sharedPlace(w, in, MemorySpace::Shared, lane, *box);
    if (!from.data)
      return;
    w.counters.tensorBytes += box->tensorBytes;
    AsyncOp op;
    op.what = in.flag ? "cp.reduce.async.bulk.tensor" : "cp.async.bulk.tensor";
    op.reads = {{from.cta, from.offset, box->sharedBytes}};
    auto moved = std::make_shared<Outgoing>();
    auto take = [=, cta = from.cta, start = from.offset] {
      if (moved->rows.empty())
        moved->take(*box, *cta, start);
    };
    op.read = take;
    op.complete = [=, reduces = in.flag, which = in.mode](const AsyncOp &self) {
      take();
      Reduction reduction = reductionOf(*box, which);
      for (size_t i = 0; i < box->rows.size() && !self.cta->failed(); ++i) {
        const BoxRow &row = box->rows[i];
        CopiedBytes &bytes = moved->rows[i];
        if (!row.bytes)
          continue;
        if (reduces)
          reduceInto(self, reduction, {row.data, row.shadow, row.address, true},
                     bytes.data.data(), bytes.shadow.data(), row.bytes);
        else
          writeRow(self, row, bytes);
      }
    };
    addToGroup(w.bulkCopies, lane,
               w.cta.cluster.async.issue(w, lane, std::move(op)));
  });
}

/// A hint: the map must be sound.
void prefetch(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    TensorBox box;
    readBox(w, in, lane, box);
  });
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// [map, {coordinates}], in list places Map (first) and Coordinates (last).
bool checkCoordinates(Decoder &d, size_t operand, unsigned rank, bool gathers) {
  const ptx::Operand &at = d.operand(operand);
  size_t expected = gathers ? 5 : rank;
  bool one = at.elements.size() == 1;
  size_t count = one && at.elements[0].kind == ptx::Operand::Vector
                     ? at.elements[0].elements.size()
                     : at.elements.size();
  if (at.kind == ptx::Operand::Address && count == expected)
    return true;
  d.fail("expected [tensor map, {" + std::to_string(expected) +
         " coordinates}]");
  return false;
}

/// The generic address of a map; that of a parameter comes from cvta.param.
void addMap(Decoder &d, CopyOperands &list, size_t operand) {
  const ptx::Operand &at = d.operand(operand);
  auto place = d.symbolTable().places.find(at.symbol);
  bool isVariable = at.reg < 0 && place != d.symbolTable().places.end() &&
                    (place->second.first == MemorySpace::Global ||
                     place->second.first == MemorySpace::Const);
  bool isWide =
      at.reg >= 0 && bytesOf(typeNamed(d.body().registers[at.reg].type)) == 8;
  if (!isVariable && !isWide)
    return d.fail("expected the generic address of a tensor map");
  list.address(operand);
}

void addCoordinates(Decoder &d, CopyOperands &list, size_t operand) {
  const auto &elements = d.operand(operand).elements;
  bool vector =
      elements.size() == 1 && elements[0].kind == ptx::Operand::Vector;
  const auto &coordinates = vector ? elements[0].elements : elements;
  for (const ptx::Operand &c : coordinates)
    list.valueOf(c, Type::S32);
  d.out.imm = static_cast<int64_t>(coordinates.size());
}

void decodeLoad(Decoder &d, unsigned rank) {
  bool multicast = d.take("multicast::cluster");
  int group = d.takeOneOf({"cta_group::1", "cta_group::2"});
  if (group >= 0 && !d.target().hasTensorMemory())
    return d.fail(".cta_group needs sm_100a, sm_100f or a relative");
  if (multicast && d.out.space != MemorySpace::SharedCluster)
    return d.fail(".multicast::cluster needs .shared::cluster");
  bool hinted = takeCachePolicy(d, 3 + multicast);
  if (!d.take("mbarrier::complete_tx::bytes"))
    return d.fail("expected .mbarrier::complete_tx::bytes");
  if (!d.operands(3 + multicast + hinted) ||
      !checkCoordinates(d, 1, rank, d.out.offset != 0))
    return;
  d.out.isSigned = group == 1;
  CopyOperands list(d);
  addMap(d, list, 1);
  list.address(0);
  list.address(2);
  multicast ? list.value(3, Type::B16) : list.none();
  addCoordinates(d, list, 1);
  list.finish();
  d.out.run = load;
}

void decodeStore(Decoder &d, unsigned rank, bool reduces) {
  if (reduces) {
    int op = takeReduction(d);
    bool legal = op >= 0 && op != static_cast<int>(ReduceOp::Exchange) &&
                 op != static_cast<int>(ReduceOp::CompareSwap);
    if (!legal)
      return d.fail("expected .add, .min, .max, .inc, .dec, .and, .or or .xor");
    d.out.mode = static_cast<uint8_t>(op);
    d.out.flag = true;
  }
  bool hinted = takeCachePolicy(d, 2);
  if (!d.take("bulk_group"))
    return d.fail("expected .bulk_group");
  if (!d.operands(2 + hinted) ||
      !checkCoordinates(d, 0, rank, d.out.offset != 0))
    return;
  CopyOperands list(d);
  addMap(d, list, 0);
  list.address(1);
  list.none();
  list.none();
  addCoordinates(d, list, 0);
  list.finish();
  d.out.run = store;
}

void decodePrefetch(Decoder &d, unsigned rank) {
  bool hinted = takeCachePolicy(d, 1);
  if (!d.take("L2") || !d.take("global"))
    return d.fail("expected .L2.global");
  if (!d.operands(1 + hinted) ||
      !checkCoordinates(d, 0, rank, d.out.offset != 0))
    return;
  CopyOperands list(d);
  addMap(d, list, 0);
  list.none();
  list.none();
  list.none();
  addCoordinates(d, list, 0);
  list.finish();
  d.out.run = prefetch;
}

} // namespace

void nybl::emu::decodeTensorCopy(Decoder &d, bool reduces, bool prefetches) {
  d.out.taint = taintCopyOperands;
  int rank = d.takeOneOf({"1d", "2d", "3d", "4d", "5d"}) + 1;
  for (std::string_view q :
       {"im2col", "im2col::w", "im2col::w::128", "im2col_no_offs"})
    if (d.take(q))
      return d.fail("the emulator does not know im2col copies");
  int rows = d.takeOneOf({"tile::gather4", "tile::scatter4"});
  if (rows < 0)
    d.take("tile");
  if (rank < 1 || (rows >= 0 && rank != 2))
    return d.fail("expected .1d to .5d (2d with gather4 and scatter4)");
  d.out.offset = rows >= 0;
  auto of = static_cast<unsigned>(rank);
  bool family = d.target().hasTensorMemory();
  if (prefetches && (rows < 0 || (rows == 0 && family)))
    return decodePrefetch(d, of);
  MemorySpace to = takeNextSpace(d), from = takeNextSpace(d);
  d.out.space = to;
  bool own = rows == 0 && to == MemorySpace::Shared && d.target().major >= 10;
  bool scatters = rows == 1 && to == MemorySpace::Global && family;
  bool gathers = rows == 0 && to == MemorySpace::SharedCluster && family;
  if (rows >= 0 && !own && !scatters && !gathers)
    return d.fail(".tile::gather4 belongs to loads and .tile::scatter4 to "
                  "stores, of sm_100 (a gather to .shared::cta: or later)");
  if (to == MemorySpace::Global && from == MemorySpace::Shared)
    return decodeStore(d, of, reduces);
  bool loads = from == MemorySpace::Global && !reduces &&
               (to == MemorySpace::Shared || to == MemorySpace::SharedCluster);
  if (!loads)
    return d.fail("expected a copy from .global to .shared::cta or "
                  ".shared::cluster, or from .shared::cta to .global");
  decodeLoad(d, of);
}
