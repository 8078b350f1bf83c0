import java.math.BigInteger;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import java.util.stream.*;

/** The benchmarks of bench.lua, for Java; and what makes a Java machine: faults as exceptions in
 * compiled code, safepoints, deoptimisation, collection while threads run. */
public class Bench {
  static final double DAYS = 365.24, M = 4 * Math.PI * Math.PI;

  static final class Body {
    double x, y, z, u, v, w, m;
    Body(double... a) { x = a[0]; y = a[1]; z = a[2]; u = a[3] * DAYS; v = a[4] * DAYS; w = a[5] * DAYS; m = a[6] * M; }
  }

  static String energy(Body[] b) {
    double e = 0;
    for (int i = 0; i < b.length; i++) {
      Body q = b[i];
      e += 0.5 * q.m * (q.u * q.u + q.v * q.v + q.w * q.w);
      for (int j = i + 1; j < b.length; j++) {
        Body r = b[j];
        double dx = q.x - r.x, dy = q.y - r.y, dz = q.z - r.z;
        e -= q.m * r.m / Math.sqrt(dx * dx + dy * dy + dz * dz);
      }
    }
    return String.format("%.9f", e);
  }

  static String nbody(int n) {
    Body[] b = {
      new Body(0, 0, 0, 0, 0, 0, 1),
      new Body(4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01, 1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05, 9.54791938424326609e-04),
      new Body(8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01, -2.76742510726411e-03, 4.99852801234917238e-03, 2.30417297573763929e-05, 2.85885980666130812e-04),
      new Body(1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01, 2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05, 4.36624404335156298e-05),
      new Body(1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01, 2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05, 5.15138902046611451e-05),
    };
    double px = 0, py = 0, pz = 0;
    for (Body q : b) { px += q.u * q.m; py += q.v * q.m; pz += q.w * q.m; }
    b[0].u = -px / M; b[0].v = -py / M; b[0].w = -pz / M;
    String before = energy(b);
    for (int k = 0; k < n; k++) {
      for (int i = 0; i < b.length; i++) {
        Body q = b[i];
        for (int j = i + 1; j < b.length; j++) {
          Body r = b[j];
          double dx = q.x - r.x, dy = q.y - r.y, dz = q.z - r.z, d = dx * dx + dy * dy + dz * dz, m = 0.01 / (d * Math.sqrt(d));
          q.u -= dx * r.m * m; q.v -= dy * r.m * m; q.w -= dz * r.m * m;
          r.u += dx * q.m * m; r.v += dy * q.m * m; r.w += dz * q.m * m;
        }
      }
      for (Body q : b) { q.x += 0.01 * q.u; q.y += 0.01 * q.v; q.z += 0.01 * q.w; }
    }
    return before + " " + energy(b);
  }

  static String fannkuch(int n) {
    int[] p = new int[n], q = new int[n], s = new int[n];
    for (int i = 0; i < n; i++) p[i] = q[i] = s[i] = i;
    for (int sign = 1, max = 0, sum = 0; ; ) {
      int q0 = p[0];
      if (q0 != 0) {
        System.arraycopy(p, 1, q, 1, n - 1);
        for (int flips = 1; ; flips++) {
          int qq = q[q0];
          if (qq == 0) { sum += sign * flips; max = Math.max(max, flips); break; }
          q[q0] = q0;
          for (int i = 1, j = q0 - 1; i < j; i++, j--) { int t = q[i]; q[i] = q[j]; q[j] = t; }
          q0 = qq;
        }
      }
      int f = sign == 1 ? 0 : 1, t = p[f];
      p[f] = p[f + 1]; p[f + 1] = t;
      sign = -sign;
      if (f == 0) continue;
      for (int i = 2; ; i++) {
        if (s[i] != 0) { s[i]--; break; }
        if (i == n - 1) return sum + " " + max;
        s[i] = i;
        t = p[0];
        System.arraycopy(p, 1, p, 0, i + 1);
        p[i + 1] = t;
      }
    }
  }

  static double a(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

  static void mul(double[] x, double[] y, boolean t) {
    for (int i = 0; i < x.length; i++) {
      double s = 0;
      for (int j = 0; j < x.length; j++) s += x[j] * (t ? a(j, i) : a(i, j));
      y[i] = s;
    }
  }

  static String spectral(int n) {
    double[] u = new double[n], v = new double[n], t = new double[n];
    Arrays.fill(u, 1);
    for (int i = 0; i < 10; i++) { mul(u, t, false); mul(t, v, true); mul(v, t, false); mul(t, u, true); }
    double x = 0, y = 0;
    for (int i = 0; i < n; i++) { x += u[i] * v[i]; y += v[i] * v[i]; }
    return String.format("%.9f", Math.sqrt(x / y));
  }

  record Tree(Tree l, Tree r) {
    static Tree make(int d) { return d == 0 ? new Tree(null, null) : new Tree(make(d - 1), make(d - 1)); }
    int check() { return l == null ? 1 : 1 + l.check() + r.check(); }
  }

  static String trees(int n) {
    StringBuilder s = new StringBuilder().append(Tree.make(n + 1).check());
    Tree kept = Tree.make(n);
    for (int d = 4; d <= n; d += 4) {
      int c = 0;
      for (int i = 0; i < 1 << (n - d + 4); i++) c += Tree.make(d).check();
      s.append(' ').append(c);
    }
    return s.append(' ').append(kept.check()).toString();
  }

  static String strings(int n) {
    String s = IntStream.rangeClosed(1, n).mapToObj(i -> i + ":" + Long.toHexString((long) i * i)).collect(Collectors.joining(","));
    int c = Pattern.compile("\\d+:[0-9a-f]*ff").matcher(s).results().mapToInt(r -> r.group().length()).sum();
    return s.length() + " " + c + " " + s.replace("7", "").length();
  }

  interface Shape { double area(); }
  record Square(double s) implements Shape { public double area() { return s * s; } }
  record Disc(double r) implements Shape { public double area() { return 3 * r * r; } }

  static double total(Shape[] a, int n) { double t = 0; for (int i = 0; i < n; i++) t += a[i & 7].area(); return t; }

  /** Hot code meets what it has not been compiled for: another class, null, an index too large, zero. */
  static String surprises() {
    Shape[] a = new Shape[8];
    Arrays.fill(a, new Square(2));
    double t = 0;
    for (int i = 0; i < 200; i++) t += total(a, 1000);
    a[3] = new Disc(1);
    t += total(a, 8);
    int nulls = 0, bounds = 0, zeros = 0, casts = 0, deep = 0;
    int[] v = new int[10];
    for (int i = 0; i < 20000; i++) {
      Object o = i % 100 == 7 ? null : "s";
      try { t += o.hashCode() & 0; } catch (NullPointerException e) { nulls++; }
      try { v[i % 100 == 9 ? 10 : i % 10]++; } catch (ArrayIndexOutOfBoundsException e) { bounds++; }
      try { t += 0 * (100 / (i % 50)); } catch (ArithmeticException e) { zeros++; }
      try { t += ((String) (i % 1000 == 1 ? (Object) v : "ab")).length() & 0; } catch (ClassCastException e) { casts++; }
    }
    for (int i = 0; i < 5; i++) try { endless(0); } catch (StackOverflowError e) { deep++; }
    return t + " " + nulls + " " + bounds + " " + zeros + " " + casts + " " + deep;
  }

  static int endless(int n) { return endless(n + 1) + 1; }

  /** Threads compute in loops without calls while others collect, so each collection has to stop them. */
  static String threads() throws Exception {
    AtomicLong sum = new AtomicLong();
    ConcurrentHashMap<Integer, Integer> map = new ConcurrentHashMap<>();
    try (ExecutorService e = Executors.newFixedThreadPool(4)) {
      for (int k = 0; k < 8; k++) {
        int id = k;
        e.submit(() -> {
          long s = 0;
          for (int i = 0; i < 5_000_000; i++) s += i ^ id;
          sum.addAndGet(s & 0xffff);
          for (int i = 0; i < 20000; i++) map.merge(i % 100, 1, Integer::sum);
        });
      }
      for (int i = 0; i < 5; i++) { System.gc(); Thread.sleep(1); }
    }
    try (ExecutorService e = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int k = 0; k < 1000; k++) e.submit(() -> { Thread.sleep(1); return map.merge(0, 1, Integer::sum); });
    }
    return sum + " " + map.values().stream().mapToInt(i -> i).sum();
  }

  static String digest(int n) throws Exception {
    MessageDigest d = MessageDigest.getInstance("SHA-256");
    byte[] b = new byte[1000];
    Arrays.fill(b, (byte) 'a');
    for (int i = 0; i < n; i++) d.update(b);
    return HexFormat.of().formatHex(d.digest());
  }

  public static void main(String[] args) throws Exception {
    System.out.println(nbody(500000));
    System.out.println(fannkuch(9));
    System.out.println(spectral(100));
    System.out.println(trees(12));
    System.out.println(strings(200000));
    System.out.println(surprises());
    System.out.println(threads());
    System.out.println(digest(1000));
    System.out.println(IntStream.rangeClosed(1, 1000).mapToObj(BigInteger::valueOf).reduce(BigInteger.ONE, BigInteger::multiply).bitLength());
  }
}
