// Rotary positions: in every head element i of the first half and element i of the second half are a point that is
// turned by the angle whose cosine and sine the tables hold. See RotaryArgs in table.h.

static void rotaryHead(const float* x, float* y, const float* cosine, const float* sine, long half) {
  long i = 0;
  for (; i + kFloats <= half; i += kFloats) {
    const Floats a = load(x + i), b = load(x + half + i), c = load(cosine + i), s = load(sine + i);
    store(y + i, a * c - b * s);
    store(y + half + i, b * c + a * s);
  }
  for (; i < half; i++) {
    const float a = x[i], b = x[half + i];
    y[i] = a * cosine[i] - b * sine[i];
    y[half + i] = b * cosine[i] + a * sine[i];
  }
}

static void rotary(const RotaryArgs& args, long begin, long end) {
  const long half = args.headDim / 2;
  for (long row = begin; row < end; row++) {
    const long batch = row / args.length, position = row % args.length;
    const long table = batch * args.tableBatch + position * half;
    const float* x = args.x + batch * args.xStrides.batch + position * args.xStrides.position;
    float* y = args.y + batch * args.yStrides.batch + position * args.yStrides.position;
    for (long head = 0; head < args.heads; head++) {
      rotaryHead(x + head * args.xStrides.head, y + head * args.yStrides.head, args.cosine + table, args.sine + table, half);
    }
  }
}
