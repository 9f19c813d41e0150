const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The nearest half float (IEEE 754 binary16), ties to even; beyond its range an infinity. */
export function float16Bits(value: number): number {
  float[0] = value;
  const all = bits[0] ?? 0;
  const sign = (all >>> 16) & 0x8000;
  const exponent = (all >>> 23) & 0xff;
  const fraction = all & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const half = exponent - 112;
  if (half >= 31) return sign | 0x7c00;
  if (half >= 1) return roundedUp(sign | (half << 10) | (fraction >>> 13), fraction & 0x1fff, 0x1000);
  if (half < -10) return sign;
  // Subnormal: the hidden bit becomes part of the fraction.
  const whole = fraction | 0x800000;
  const shift = 14 - half;
  return roundedUp(sign | (whole >>> shift), whole & ((1 << shift) - 1), 1 << (shift - 1));
}

export function float16Of(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a 32-bit float, rounded, ties to even. */
export function bfloat16Bits(value: number): number {
  float[0] = value;
  const all = bits[0] ?? 0;
  if (Number.isNaN(value)) return 0x7fc0;
  return roundedUp(all >>> 16, all & 0xffff, 0x8000);
}

export function bfloat16Of(half: number): number {
  bits[0] = half << 16;
  return float[0] ?? 0;
}

/** One more when what was cut off is over the middle, or in the middle above an odd number; a carry is the next exponent. */
function roundedUp(kept: number, cut: number, middle: number): number {
  return cut > middle || (cut === middle && (kept & 1) === 1) ? kept + 1 : kept;
}
