/** Every op of the closed set: a new one is one new file, named here three times: imported, in the list, exported. */

import { argmaxOp } from './argmax.js';
import { addOp, divOp, mulOp, negOp, subOp } from './arithmetic.js';
import { attentionGradientOp, attentionOp } from './attention.js';
import { bitAndOp, bitOrOp, bitXorOp, shiftLeftOp, shiftRightOp } from './bitwise.js';
import { castOp } from './cast.js';
import { equalOp, isFiniteOp, lessEqualOp, lessOp, logicalNotOp } from './compare.js';
import { concatOp, splitOp } from './concat.js';
import { convolutionGradientOp, convolutionOp } from './convolution.js';
import type { Primitive } from './define.js';
import * as unary from './elementwise-unary.js';
import { maximumOp, minimumOp } from './extremum.js';
import { gatherOp, scatterAddOp } from './gather.js';
import { geluGradientOp, geluOp } from './gelu.js';
import { groupedMatmulOp, groupedOuterOp } from './grouped-matmul.js';
import { guardOp } from './guard.js';
import { aliasOp, stopGradientOp } from './identity.js';
import { constantOp, inputOp } from './leaves.js';
import { matmulOp } from './matmul.js';
import { maxOp } from './max.js';
import { multiplyAddOp } from './multiply-add.js';
import { orthonormalOp } from './orthonormal.js';
import { powOp } from './pow.js';
import { randomNormalOp, randomUniformOp } from './random.js';
import { reshapeOp } from './reshape.js';
import { rotaryOp } from './rotary.js';
import { decodeRunLengthOp } from './run-length.js';
import { sampleOp } from './sample.js';
import { selectOp } from './select.js';
import { padOp, sliceOp } from './slice.js';
import { sortByGroupOp } from './sort-by-group.js';
import { broadcastToOp, sumOp } from './sum.js';
import { putAlongOp, takeAlongOp } from './take-along.js';
import { transposeOp } from './transpose.js';
import { mergeOp } from './unless.js';
import { updateRowsOp } from './update-rows.js';

export const allOps: readonly Primitive[] = [
  ...[inputOp, constantOp],
  ...[negOp, addOp, subOp, mulOp, divOp, powOp, multiplyAddOp, maximumOp, minimumOp],
  ...[unary.absOp, unary.floorOp, unary.sqrtOp, unary.rsqrtOp, unary.reciprocalOp],
  ...[unary.expOp, unary.logOp, unary.log1pOp, unary.sinOp, unary.cosOp],
  ...[unary.tanhOp, unary.sigmoidOp, unary.softplusOp, geluOp, geluGradientOp],
  ...[lessOp, lessEqualOp, equalOp, isFiniteOp, logicalNotOp, selectOp, castOp],
  ...[bitAndOp, bitOrOp, bitXorOp, shiftLeftOp, shiftRightOp],
  ...[randomUniformOp, randomNormalOp],
  ...[sumOp, maxOp, argmaxOp],
  ...[aliasOp, stopGradientOp, reshapeOp, splitOp, sliceOp],
  ...[broadcastToOp, transposeOp, concatOp, padOp, gatherOp],
  ...[matmulOp, sortByGroupOp, groupedMatmulOp, groupedOuterOp],
  ...[convolutionOp, convolutionGradientOp, attentionOp, attentionGradientOp, rotaryOp],
  ...[scatterAddOp, takeAlongOp, putAlongOp, updateRowsOp, sampleOp, decodeRunLengthOp],
  ...[orthonormalOp],
  ...[guardOp, mergeOp],
];

export * from './argmax.js';
export * from './arithmetic.js';
export * from './attention.js';
export * from './attention-maps.js';
export * from './bitwise.js';
export * from './cast.js';
export {
  allGather,
  allReduceSum,
  allToAll,
  axisIndex,
  axisSize,
  type CollectiveOptions,
  reduceScatterSum,
} from './collectives.js';
export * from './compare.js';
export * from './compose.js';
export * from './concat.js';
export * from './convolution.js';
export * from './elementwise-unary.js';
export * from './extremum.js';
export * from './gather.js';
export * from './gelu.js';
export * from './grouped-matmul.js';
export * from './guard.js';
export * from './identity.js';
export * from './leaves.js';
export * from './matmul.js';
export * from './max.js';
export * from './multiply-add.js';
export * from './orthonormal.js';
export * from './pow.js';
export * from './random.js';
export type { ReduceAttributes, ReduceOptions } from './reduce.js';
export * from './reshape.js';
export * from './rotary.js';
export * from './run-length.js';
export * from './sample.js';
export { type Sampling, samplingKeys } from './sample-filters.js';
export * from './select.js';
export * from './slice.js';
export * from './sort-by-group.js';
export * from './sum.js';
export * from './take-along.js';
export * from './transpose.js';
export * from './unless.js';
export * from './update-rows.js';
