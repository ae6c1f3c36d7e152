import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import { App } from './app.js';
import { openLive } from './live-connection.js';
import './style.css';

render(<App live={openLive()} />, document.getElementById('console')!);
