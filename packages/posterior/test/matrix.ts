/** Small dense matrices as rows, for closed forms in tests. */
export type Matrix = readonly (readonly number[])[];
export type Vector = readonly number[];

export const identity = (n: number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => (i === j ? 1 : 0)));

export const transpose = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));

export const multiply = (a: Matrix, b: Matrix): Matrix => {
  const columns = transpose(b);
  return a.map((row) => columns.map((column) => dot(row, column)));
};

export const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
export const apply = (a: Matrix, x: Vector): Vector => a.map((row) => dot(row, x));
export const scale = (factor: number, a: Matrix): Matrix => a.map((row) => row.map((value) => factor * value));
export const sum = (...terms: Matrix[]): Matrix =>
  terms.reduce((a, b) => a.map((row, i) => row.map((value, j) => value + b[i]![j]!)));
export const add = (...terms: Vector[]): Vector => terms.reduce((a, b) => a.map((value, i) => value + b[i]!));
export const times = (factor: number, x: Vector): Vector => x.map((value) => factor * value);
export const trace = (a: Matrix): number => a.reduce((total, row, i) => total + row[i]!, 0);
export const product = (...factors: Matrix[]): Matrix => factors.reduce(multiply);

/** a·c·aᵀ */
export const sandwich = (a: Matrix, c: Matrix): Matrix => product(a, c, transpose(a));

/** L, lower triangular, with LLᵀ = a. */
export function cholesky(a: Matrix): Matrix {
  const rows = a.map((row) => row.map(() => 0));
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j <= i; j++) {
      const rest = a[i]![j]! - dot(row.slice(0, j), rows[j]!.slice(0, j));
      row[j] = i === j ? Math.sqrt(rest) : rest / rows[j]![j]!;
    }
  }
  return rows;
}

/** By Gauss-Jordan with pivoting. */
export function inverse(a: Matrix): Matrix {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...identity(n)[i]!]);
  for (let k = 0; k < n; k++) {
    const pivot = rows
      .slice(k)
      .reduce((best, row, i) => (Math.abs(row[k]!) > Math.abs(rows[best]![k]!) ? k + i : best), k);
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    rows[k] = rows[k]!.map((value) => value / rows[k]![k]!);
    for (let i = 0; i < n; i++) {
      if (i !== k) {
        const factor = rows[i]![k]!;
        rows[i] = rows[i]!.map((value, j) => value - factor * rows[k]![j]!);
      }
    }
  }
  return rows.map((row) => row.slice(n));
}
