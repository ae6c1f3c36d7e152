export {
  COLUMN_WIDTH_MM,
  renderChart,
  svgFile,
  type Chart,
  type ChartAxis,
  type ChartPoint,
  type ChartSeries,
} from './chart.js';
export { htmlFigure, htmlPage, htmlTable, htmlTerms, htmlText, type PageSection } from './page.js';
export { svgToPdf } from './pdf.js';
export { CROP, ENLARGEMENT, renderPictureGrid, type GridPicture, type PictureGrid } from './picture-grid.js';
export {
  csv,
  intervalText,
  latexTable,
  latexText,
  markdownTable,
  numberText,
  type Table,
  type TableCell,
  type TableColumn,
  type TableGroup,
} from './table.js';
